// Vercel's AI SDK with its two providers that speak OpenAI's APIs.
import {createOpenAI} from '@ai-sdk/openai';
import {createOpenAICompatible} from '@ai-sdk/openai-compatible';
import {streamText} from 'ai';

// The parts of one answer, gathered.
async function ask(model, messages, more = {}) {
  const seen = {text: '', reasoning: '', calls: [], results: [], requests: [], raw: []};
  const result = streamText({model, messages, maxRetries: 0, onError() {}, ...more});
  for await (const part of result.fullStream) {
    if (part.type === 'text-delta') seen.text += part.text;
    if (part.type === 'reasoning-delta') seen.reasoning += part.text;
    if (part.type === 'tool-call') seen.calls.push(`${part.toolName} ${JSON.stringify(part.input)}`);
    if (part.type === 'tool-result') seen.results.push(part.output);
    if (part.type === 'tool-approval-request') seen.requests.push(part.approvalId);
    if (part.type === 'tool-error') seen.toolError = String(part.error);
    if (part.type === 'error') seen.error = String(part.error?.message ?? JSON.stringify(part.error));
    if (part.type === 'raw' && part.rawValue?.lightagent) seen.raw.push(part.rawValue.lightagent.type);
    if (part.type === 'finish') {
      seen.ends = part.finishReason;
      seen.tokens = part.totalUsage.totalTokens;
    }
  }
  if (!seen.error) seen.messages = (await result.response).messages;
  return seen;
}

const user = (content) => [{role: 'user', content}];
const picture = user([{type: 'text', text: 'What is it?'}, {type: 'image', image: IMAGE}]);
const forget = ({messages, ...seen}) => seen;

async function stop(model) {
  const stopping = new AbortController();
  const result = streamText({model, messages: user('wait'), abortSignal: stopping.signal, onError() {}});
  let seen = {text: '', aborted: false};
  for await (const part of result.fullStream) {
    if (part.type === 'text-delta') {
      seen.text += part.text;
      stopping.abort();
    }
    if (part.type === 'abort') seen.aborted = true;
  }
  return seen;
}

const settings = {apiKey: 'unused'};
const responses = createOpenAI({baseURL: `${SERVED}/v1`, ...settings})('helper');

await scenario('openai text', async () => forget(await ask(responses, user('text'))));
await scenario('openai reasoning', async () => forget(await ask(responses, user('think'))));
await scenario('openai tools', async () => forget(await ask(responses, user('add'))));
await scenario('openai error', async () => forget(await ask(responses, user('break'))));
await scenario('openai image', async () => forget(await ask(responses, picture)));
await scenario('openai stop', () => stop(responses));
// By default it sends its earlier items as `item_reference`; with `store: false` as they are.
for (const [name, more] of [['openai', {}], ['unstored', {providerOptions: {openai: {store: false}}}]]) {
  await scenario(`${name} approval`, async () => {
    const asked = await ask(responses, user('pay'), more);
    const answer = asked.requests.map((id) => ({
      type: 'tool-approval-response', approvalId: id, approved: true, providerExecuted: true,
    }));
    const messages = [...user('pay'), ...asked.messages, {role: 'tool', content: answer}];
    return {asked: asked.calls, ...forget(await ask(responses, messages, more))};
  });
  await scenario(`${name} further`, async () => {
    const asked = await ask(responses, user('add'), more);
    return forget(await ask(responses, [...user('add'), ...asked.messages, ...user('more')], more));
  });
}

const compatible = (address) =>
  createOpenAICompatible({name: 'lightagent', baseURL: `${address}/v1`, includeUsage: true, ...settings})('helper');
const chats = compatible(SERVED);

await scenario('compatible text', async () => forget(await ask(chats, user('text'))));
await scenario('compatible reasoning', async () => forget(await ask(chats, user('think'))));
await scenario('compatible tools', async () => forget(await ask(chats, user('add'), {includeRawChunks: true})));
await scenario('compatible lines', async () => forget(await ask(compatible(SERVED_LINES), user('add'))));
await scenario('compatible error', async () => forget(await ask(chats, user('break'))));
await scenario('compatible image', async () => forget(await ask(chats, picture)));
await scenario('compatible stop', () => stop(chats));
await scenario('compatible approval', async () => {
  const asked = await ask(chats, user('pay'));
  const [, id] = /ID ([0-9a-f]{32})/.exec(asked.text);
  return forget(await ask(chats, [...user('pay'), ...asked.messages, ...user(`approve ${id}`)]));
});

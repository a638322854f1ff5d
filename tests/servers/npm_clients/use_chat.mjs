// What `useChat` of Vercel's AI SDK is made of, without a page: its chat, transport and reader of messages.
import {
  AbstractChat,
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  readUIMessageStream,
} from 'ai';

const transport = () => new DefaultChatTransport({api: `${SERVED}/vercel/helper`});

class Chat extends AbstractChat {
  constructor(init = {}) {
    const state = {
      status: 'ready',
      error: undefined,
      messages: [],
      pushMessage: (message) => { state.messages = [...state.messages, message]; },
      popMessage: () => { state.messages = state.messages.slice(0, -1); },
      replaceMessage: (index, message) => { state.messages = state.messages.with(index, structuredClone(message)); },
      snapshot: (value) => structuredClone(value),
    };
    super({state, transport: transport(), ...init});
  }
}

// The last message, as a page would show it.
function shown(chat) {
  const message = chat.lastMessage;
  const parts = message.role === 'assistant' ? message.parts : [];
  const of = (type) => parts.filter((part) => part.type === type).map((part) => part.text).join('');
  return {
    text: of('text'),
    reasoning: of('reasoning'),
    calls: parts.filter((part) => part.type === 'dynamic-tool')
      .map((part) => `${part.toolName} ${JSON.stringify(part.input)} ${part.state} ${part.output ?? ''}`.trim()),
    tokens: message.metadata?.usage?.totalTokens ?? 0,
    status: chat.status,
    error: chat.error?.message,
    messages: chat.messages.length,
  };
}

async function ask(message) {
  const chat = new Chat();
  await chat.sendMessage(typeof message === 'string' ? {text: message} : message);
  return shown(chat);
}

await scenario('text', () => ask('text'));
await scenario('reasoning', () => ask('think'));
await scenario('tools', () => ask('add'));
await scenario('error', () => ask('break'));
await scenario('image', () => ask({text: 'What is it?', files: [{type: 'file', mediaType: 'image/png', url: IMAGE}]}));
await scenario('stop', async () => {
  const chat = new Chat();
  const watch = setInterval(() => { if (chat.lastMessage?.role === 'assistant' && shown(chat).text) chat.stop(); }, 5);
  await chat.sendMessage({text: 'wait'});
  clearInterval(watch);
  return shown(chat);
});
async function decide(approved) {
  const chat = new Chat({sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses});
  await chat.sendMessage({text: 'pay'});
  const asked = shown(chat).calls;
  const part = chat.lastMessage.parts.find((one) => one.state === 'approval-requested');
  await chat.addToolApprovalResponse({id: part.approval.id, approved, reason: 'as agreed'});
  while (chat.status !== 'ready' && chat.status !== 'error') await new Promise((done) => setTimeout(done, 5));
  return {asked, ...shown(chat)};
}
await scenario('approval', () => decide(true));
await scenario('rejection', () => decide(false));
await scenario('two questions', async () => {
  const chat = new Chat();
  await chat.sendMessage({text: 'add'});
  await chat.sendMessage({text: 'text'});
  return shown(chat);
});
await scenario('client tool', async () => {
  const weather = {weather: {description: 'The weather.', parameters: {type: 'object', properties: {}}}};
  const chat = new Chat({transport: new DefaultChatTransport({api: `${SERVED}/vercel/helper`, body: {tools: weather}})});
  await chat.sendMessage({text: 'weather'});
  const part = chat.lastMessage.parts.find((one) => one.type === 'tool-weather');
  await chat.addToolOutput({tool: 'weather', toolCallId: part.toolCallId, output: {sky: 'blue'}});
  await chat.sendMessage();
  return {input: part.input, ...shown(chat)};
});
await scenario('reader', async () => {
  const stream = await transport().sendMessages({
    chatId: 'chat',
    trigger: 'submit-message',
    messages: [{id: '1', role: 'user', parts: [{type: 'text', text: 'think'}]}],
  });
  let states = 0;
  let last;
  for await (const message of readUIMessageStream({stream})) {
    states += 1;
    last = message;
  }
  return {states: states > 3, types: last.parts.map((part) => part.type), resumes: await transport().reconnectToStream({chatId: 'chat'})};
});

// The official client of OpenAI for Node, by chat completions and by Responses.
import OpenAI from 'openai';

const client = new OpenAI({baseURL: `${SERVED}/v1`, apiKey: 'unused', maxRetries: 0});

function chat(content, more = {}) {
  return client.chat.completions.create({
    model: 'helper',
    messages: [{role: 'user', content}],
    stream: true,
    stream_options: {include_usage: true},
    ...more,
  });
}

async function read(stream) {
  const seen = {text: '', reasoning: '', calls: 0, shown: [], tokens: 0};
  try {
    for await (const chunk of stream) {
      const delta = chunk.choices[0]?.delta ?? {};
      seen.text += delta.content ?? '';
      seen.reasoning += delta.reasoning_content ?? '';
      seen.calls += delta.tool_calls?.length ?? 0;
      if (chunk.lightagent) seen.shown.push(`${chunk.lightagent.type} ${chunk.lightagent.name}`);
      seen.tokens += chunk.usage?.total_tokens ?? 0;
    }
  } catch (error) {
    seen.error = error.code;
  }
  return seen;
}

await scenario('chat text', async () => read(await chat('text')));
await scenario('chat reasoning', async () => read(await chat('think')));
await scenario('chat tools', async () => read(await chat('add')));
await scenario('chat error', async () => read(await chat('break')));
await scenario('chat image', async () =>
  read(await chat([{type: 'text', text: 'What is it?'}, {type: 'image_url', image_url: {url: IMAGE}}])));
await scenario('chat stop', async () => {
  const stream = await chat('wait');
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content) {
      stream.controller.abort();
      return {text: chunk.choices[0].delta.content};
    }
  }
});
await scenario('chat approval', async () => {
  const {text} = await read(await chat('pay'));
  const [, id] = /ID ([0-9a-f]{32})/.exec(text);
  return {asked: text.includes('`pay` with `{"amount":5}`'), ...(await read(await chat(`approve ${id}`)))};
});

function respond(input, more = {}) {
  return client.responses.create({model: 'helper', input, stream: true, ...more});
}

async function follow(stream) {
  const seen = {text: ''};
  for await (const event of stream) {
    if (event.type === 'response.output_text.delta') seen.text += event.delta;
    if (/^response\.(completed|failed|incomplete)$/.test(event.type)) {
      const {output, usage, error} = event.response;
      seen.id = event.response.id;
      seen.ends = event.type;
      seen.items = output.map((item) => item.type);
      seen.calls = output.filter((item) => item.type === 'mcp_call').map((item) => `${item.name} ${item.output}`);
      seen.reasoning = output.filter((item) => item.type === 'reasoning')
        .flatMap((item) => [...(item.content ?? []), ...(item.summary ?? [])]).map((part) => part.text).join('');
      seen.tokens = usage?.total_tokens ?? 0;
      seen.error = error?.message ?? null;
      seen.request = output.find((item) => item.type === 'mcp_approval_request')?.id;
    }
  }
  return seen;
}

await scenario('responses text', async () => follow(await respond('text')));
await scenario('responses reasoning', async () => follow(await respond('think')));
await scenario('responses tools', async () => follow(await respond('add')));
await scenario('responses error', async () => follow(await respond('break')));
await scenario('responses image', async () => follow(await respond([{
  role: 'user',
  content: [{type: 'input_text', text: 'What is it?'}, {type: 'input_image', image_url: IMAGE, detail: 'auto'}],
}])));
await scenario('responses stop', async () => {
  const stream = await respond('wait');
  for await (const event of stream) {
    if (event.type === 'response.output_text.delta') {
      stream.controller.abort();
      return {text: event.delta};
    }
  }
});
await scenario('responses approval', async () => {
  const asked = await follow(await respond('pay'));
  const answer = {type: 'mcp_approval_response', approval_request_id: asked.request, approve: true};
  return {asked: asked.items, ...(await follow(await respond([answer], {previous_response_id: asked.id})))};
});
await scenario('responses background', async () => {
  const stream = await respond('text', {background: true});
  for await (const event of stream) {
    if (event.sequence_number !== 1) continue;
    stream.controller.abort();
    const rest = await client.responses.retrieve(event.response.id, {stream: true, starting_after: 1});
    return follow(rest);
  }
});

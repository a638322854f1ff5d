// AG-UI's own client.
import {HttpAgent} from '@ag-ui/client';

async function run(agent, content, parameters = {}, subscriber = {}) {
  const seen = {reasoning: '', calls: [], results: []};
  if (content) agent.addMessage({id: crypto.randomUUID(), role: 'user', content});
  const result = await agent.runAgent(parameters, {
    onReasoningMessageContentEvent: ({event}) => { seen.reasoning += event.delta; },
    onToolCallEndEvent: ({toolCallName, toolCallArgs}) => {
      seen.calls.push(`${toolCallName} ${JSON.stringify(toolCallArgs)}`);
    },
    onToolCallResultEvent: ({event}) => { seen.results.push(event.content); },
    onRunFinishedEvent: ({event, outcome, interrupts}) => {
      seen.outcome = outcome;
      seen.interrupts = interrupts;
      seen.tokens = (event.usage ?? []).reduce((sum, one) => sum + one.totalTokens, 0);
    },
    onRunErrorEvent: ({event}) => { seen.error = event.code; },
    ...subscriber,
  }).catch((error) => ({failed: error.message, newMessages: agent.messages}));
  seen.text = result.newMessages.filter((message) => message.role === 'assistant')
    .map((message) => message.content ?? '').join('');
  return seen;
}

const agent = () => new HttpAgent({url: `${SERVED}/ag-ui/helper`});

await scenario('text', () => run(agent(), 'text'));
await scenario('reasoning', () => run(agent(), 'think'));
await scenario('tools', () => run(agent(), 'add'));
await scenario('error', () => run(agent(), 'break'));
await scenario('image', () => run(agent(), [
  {type: 'text', text: 'What is it?'},
  {type: 'image', source: {type: 'data', value: IMAGE.split(',')[1], mimeType: 'image/png'}},
]));
await scenario('stop', async () => {
  const one = agent();
  let text = '';
  await run(one, 'wait', {}, {onTextMessageContentEvent: ({event}) => { text += event.delta; one.abortRun(); }});
  return {text};
});
await scenario('approval', async () => {
  const one = agent();
  const asked = await run(one, 'pay');
  const resume = (asked.interrupts ?? []).map(({id}) => ({interruptId: id, status: 'resolved', payload: {approved: true}}));
  const answered = await run(one, null, {resume});
  return {asked: asked.outcome, calls: asked.calls, results: answered.results, text: answered.text};
});

// What every program of a client begins with; it is put in front of each of them.

const {SERVED, SERVED_LINES} = process.env;
const IMAGE = 'data:image/png;base64,iVBORw0KGgo=';

// Print what a client saw, or what it raised, as one line of JSON.
async function scenario(name, see) {
  let seen;
  try {
    seen = await see();
  } catch (error) {
    seen = {raised: error?.constructor?.name, message: String(error?.message ?? error).slice(0, 500)};
  }
  console.log(JSON.stringify({name, seen}));
}

"use strict";

// A guided flow from noise (t = 1) to a picture (t = 0), a step of Heun's method at a time.
// velocity(x, t) -> noise minus picture, as the network guesses it. Shared by two demos.
async function heunStep(velocity, x, t, next, known) {
  const [v, h] = [known || (await velocity(x, t)), next - t];
  const ahead = x.map((value, i) => value + h * v[i]);
  if (next <= 0) return ahead; // the last step looks once: at t = 0 there is nothing left to guess
  const later = await velocity(ahead, next);
  return x.map((value, i) => value + h * (v[i] + later[i]) / 2);
}

// A pause in which the browser may draw.
const breathe = () => new Promise((done) => setTimeout(done));

demo("diffusion", async (stage, run, settings) => {
  const STEPS = 20;
  const find = (selector) => stage.querySelector(selector);
  const [kind, seed, guidance] = [find(".kind"), find(".seed"), find(".guidance")];
  const buttons = { back: find(".back"), forward: find(".forward"), all: find(".all"), restart: find(".restart") };
  const time = (step) => 1 - step / STEPS;
  let states = []; // {x, v}: the picture after each step so far, and the velocity there
  let at = 0;

  function velocity(x, t) {
    const one = (value) => [Float32Array.of(value), [1]];
    return run({
      x: [x, [1, 1, 28, 28]], t: one(t), guidance: one(Number(guidance.value)),
      cond: [BigInt64Array.of(BigInt(kind.selectedIndex)), [1]],
    });
  }

  async function look(x, step) {
    return { x, v: step < STEPS ? await velocity(x, time(step)) : new Float32Array(784) };
  }

  async function go(step) {
    while (states.length <= step) {
      const last = states.length - 1;
      const x = await heunStep(velocity, states[last].x, time(last), time(last + 1), states[last].v);
      states.push(await look(x, last + 1));
    }
    at = step;
    show();
    await breathe();
  }

  function show() {
    const { x, v } = states[at];
    const told = `${kind.value}，第 ${at} 步，共 ${STEPS} 步`;
    drawPicture(find(".now"), x, 1, `现在的图：${told}`);
    drawPicture(find(".guess"), x.map((value, i) => value - time(at) * v[i]), 1, `网络此刻猜的成品：${told}`);
    buttons.back.disabled = at === 0;
    buttons.forward.disabled = buttons.all.disabled = at === STEPS;
    find(".step").textContent = `第 ${at} 步，共 ${STEPS} 步，t = ${time(at).toFixed(2)}`;
  }

  const act = inTurn(async (action) => {
    if (action === "restart") {
      states = [await look(demoNoise(Number(seed.value), 784), 0)];
      await go(0);
    } else if (action === "all") {
      while (at < STEPS) await go(at + 1);
    } else {
      await go(Math.min(Math.max(at + (action === "back" ? -1 : 1), 0), STEPS));
    }
  });

  kind.append(...settings.classes.map((name) => new Option(name)));
  kind.selectedIndex = 7;
  for (const [action, button] of Object.entries(buttons)) button.addEventListener("click", () => act(action));
  for (const input of [kind, seed, guidance]) input.addEventListener("input", () => act("restart"));
  guidance.addEventListener("input", () => (guidance.nextElementSibling.textContent = guidance.value));
  await act("restart");
});

"use strict";

// What the demos share: loading what they need once the reader asks for it, and drawing pictures.
// Each demo's own file calls demo(name, start); start(stage, run, settings) gets its part of the page,
// a function that runs its model, and what models.json says about it.
const demoStarts = {};
let demoRuntime = null; // a promise of ONNX Runtime, which all demos share

function demo(name, start) {
  demoStarts[name] = start;
}

class DemoError extends Error {}

async function fetchBytes(address, progress) {
  const response = await fetch(address).catch(() => {
    const local = location.protocol === "file:";
    throw new DemoError(local ? "网页是直接从磁盘打开的，浏览器不让它读别的文件。请在网站的文件夹里运行 python -m http.server，再打开它说的地址。"
      : `取不到 ${address}：网络断了，或者服务器没有回答。`);
  });
  if (!response.ok) throw new DemoError(`取不到 ${address}：服务器说 ${response.status}。`);
  const parts = [];
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    progress(part.value.length);
  }
  return new Blob(parts);
}

async function loadRuntime(progress) {
  if (typeof WebAssembly !== "object" || typeof DecompressionStream !== "function")
    throw new DemoError("这个浏览器太旧，跑不了模型（缺 WebAssembly 或 DecompressionStream）。请换一个 2023 年以后的浏览器。");
  const packed = await fetchBytes("demos/ort-wasm.bin", progress);
  const unpacked = packed.stream().pipeThrough(new DecompressionStream("gzip"));
  const address = new URL("demos/ort.js", document.baseURI);
  const ort = await import(address).catch(() => {
    throw new DemoError("取不到 demos/ort.js。请刷新这一页再试。"); // browsers remember a module that failed
  });
  ort.env.wasm.numThreads = 1; // several threads need headers that a plain server does not send
  ort.env.wasm.wasmBinary = await new Response(unpacked).arrayBuffer();
  return ort;
}

async function loadDemo(box, name) {
  const find = (selector) => box.querySelector(selector);
  const [button, status, stage] = [find(".load"), find(".status"), find(".stage")];
  const total = Number(box.dataset.model) + (demoRuntime ? 0 : Number(box.dataset.runtime));
  let loaded = 0;
  const progress = (bytes) => {
    loaded += bytes;
    status.textContent = `载入中：${(loaded / 1e6).toFixed(1)} / ${(total / 1e6).toFixed(1)} MB`;
  };
  button.disabled = true;
  try {
    demoRuntime = demoRuntime || loadRuntime(progress);
    const ort = await demoRuntime.catch((error) => {
      demoRuntime = null; // so that the next click tries again
      throw error;
    });
    showLaterWeights();
    const model = await (await fetchBytes(`demos/${name}.onnx`, progress)).arrayBuffer();
    const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
    stage.hidden = false;
    await demoStarts[name](stage, runner(ort, session), JSON.parse(find(".settings").textContent));
    button.hidden = find(".weight").hidden = true;
    status.textContent = "";
    box.dataset.ready = "";
    stage.focus({ preventScroll: true }); // the button that had the focus is gone
  } catch (error) {
    stage.hidden = true;
    button.disabled = false;
    button.textContent = "再试一次";
    status.textContent = error instanceof DemoError ? error.message : `演示没能跑起来：${error.message}`;
  }
}

// run({name: [values, shape]}) -> the values of the model's one output. Whole numbers come as a BigInt64Array.
function runner(ort, session) {
  return async (inputs) => {
    const tensor = ([values, shape]) =>
      new ort.Tensor(values instanceof BigInt64Array ? "int64" : "float32", values, shape);
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, tensor(input)]));
    return (await session.run(feeds))[session.outputNames[0]].data;
  };
}

function showLaterWeights() {
  for (const box of document.querySelectorAll(".demo:not([data-ready])"))
    box.querySelector(".weight").innerHTML = box.dataset.later;
}

// Values in [-1, 1], laid out (channels, side, side), onto a canvas of that many pixels; CSS enlarges it.
function drawPicture(canvas, values, channels, label) {
  const pixels = canvas.width * canvas.height;
  const image = new ImageData(canvas.width, canvas.height);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = (values[(c % channels) * pixels + i] + 1) * 127.5;
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  canvas.setAttribute("aria-label", label);
  canvas.values = values; // what the model said, for whoever wants to look
}

// n draws from N(0, 1) that depend on the seed alone: mulberry32, then Box and Muller.
function demoNoise(seed, n) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return Float32Array.from({ length: n }, () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
}

// Wraps an async function so that it never runs twice at once; of the calls that wait, the newest wins.
function newest(work) {
  let running = false;
  let waiting = null;
  return async (...values) => {
    waiting = values;
    if (running) return;
    running = true;
    try {
      while (waiting) {
        const next = waiting;
        waiting = null;
        await work(...next);
      }
    } finally {
      running = false;
    }
  };
}

// Wraps an async function so that each call waits for those before it.
function inTurn(work) {
  let last = Promise.resolve();
  return (...values) => (last = last.catch(() => {}).then(() => work(...values)));
}

document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll(".demo"))
    box.querySelector(".load").addEventListener("click", () => loadDemo(box, box.id.replace("demo-", "")));
});

"use strict";

// A short caption in Chinese, and the scene that the diffusion model paints for it.
function captionWords({ words }) {
  return `认识的词有：${Object.entries(words).map(([name, list]) => `${name}：${list.join("、")}`).join("；")}。`;
}

// A complaint about a text that does not name one scene, with the words that are known; empty if it does.
// It says what understand() of aigc_lib/scenes.py says.
function captionComplaint(text, settings) {
  const { words, characters } = settings;
  const strange = [...new Set(text)].filter((character) => !characters.includes(character)).join("");
  if (strange) return `不认识“${strange}”。${captionWords(settings)}`;
  for (const [name, list] of Object.entries(words)) {
    const hits = list.filter((word) => text.includes(word)).length;
    if (hits !== 1) return `${name}要说一个，这里说了 ${hits} 个。${captionWords(settings)}`;
  }
  return "";
}

demo("caption", async (stage, run, settings) => {
  const STEPS = 10;
  const find = (selector) => stage.querySelector(selector);
  const [box, seed, guidance, picture, answer] = [".text", ".seed", ".guidance", ".picture", ".answer"].map(find);
  const numbers = new Map([...settings.characters].map((character, i) => [character, BigInt(settings.first + i)]));

  const paint = newest(async () => {
    const text = box.value.trim();
    const complaint = captionComplaint(text, settings)
      || (text.length > settings.length ? `最多 ${settings.length} 个字，这里有 ${text.length} 个。` : "");
    if (complaint) {
      answer.textContent = complaint;
      return;
    }
    const tokens = new BigInt64Array(settings.length); // 0 is the padding
    [...text].forEach((character, i) => (tokens[i] = numbers.get(character)));
    const strength = Number(guidance.value);
    const velocity = (x, t) => run({
      x: [x, [1, 3, 28, 28]], t: [Float32Array.of(t), [1]], guidance: [Float32Array.of(strength), [1]],
      cond: [tokens, [1, settings.length]],
    });
    let x = demoNoise(Number(seed.value), 3 * 784);
    for (let step = 0; step < STEPS; step++) {
      x = await heunStep(velocity, x, 1 - step / STEPS, 1 - (step + 1) / STEPS);
      drawPicture(picture, x, 3, `正在画“${text}”，第 ${step + 1} 步，共 ${STEPS} 步。`);
      await breathe();
    }
    drawPicture(picture, x, 3, `模型为“${text}”画的图，28×28 像素。`);
    answer.textContent = `画好了：“${text}”。`;
  });

  find("form").addEventListener("submit", (event) => {
    event.preventDefault();
    paint();
  });
  find(".again").addEventListener("click", () => {
    seed.value = Number(seed.value) + 1;
    paint();
  });
  for (const example of stage.querySelectorAll(".example")) {
    example.addEventListener("click", () => {
      box.value = example.textContent;
      paint();
    });
  }
  find(".words").textContent = captionWords(settings);
  guidance.addEventListener("input", () => (guidance.nextElementSibling.textContent = guidance.value));
  await paint();
});

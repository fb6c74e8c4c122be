"use strict";

// A point of the latent space, and the picture that the VAE's decoder makes of it.
demo("vae", async (stage, run) => {
  const REACH = 2.5; // the map shows both numbers from -REACH to REACH
  const CELLS = 15;
  const find = (selector) => stage.querySelector(selector);
  const [map, marker, picture] = [find(".map"), find(".marker"), find(".picture")];
  const sliders = [...stage.querySelectorAll("input[type=range]")];
  const said = (z) => z.map((value) => value.toFixed(2).replace("-", "−")).join("，");

  // The middle of each cell, decoded: rows from the top, where z₂ is greatest.
  async function drawMap() {
    const middle = (i) => ((i + 0.5) / CELLS * 2 - 1) * REACH;
    const points = Array.from({ length: CELLS ** 2 }, (_, i) => [middle(i % CELLS), -middle(Math.floor(i / CELLS))]);
    const cells = await run({ z: [Float32Array.from(points.flat()), [CELLS ** 2, 2]] });
    const side = CELLS * 28;
    const values = Float32Array.from({ length: side ** 2 }, (_, i) => {
      const [row, column] = [Math.floor(i / side), i % side];
      const cell = Math.floor(row / 28) * CELLS + Math.floor(column / 28);
      return cells[cell * 784 + (row % 28) * 28 + (column % 28)];
    });
    drawPicture(map, values, 1, `潜空间的地图：${CELLS} 行 ${CELLS} 列小图，每格是那一点解码出的衣物，相邻的格子彼此相像。`);
  }

  const show = newest(async () => {
    const z = sliders.map((slider) => Number(slider.value));
    const values = await run({ z: [Float32Array.from(z), [1, 2]] });
    drawPicture(picture, values, 1, `z =（${said(z)}）解码出的图，28×28 像素。`);
    marker.style.left = `${(z[0] / REACH + 1) * 50}%`;
    marker.style.top = `${(1 - z[1] / REACH) * 50}%`;
    sliders.forEach((slider, i) => (slider.nextElementSibling.textContent = said([z[i]])));
    find(".point").textContent = `z =（${said(z)}）`;
  });

  function move(z) {
    sliders.forEach((slider, i) => (slider.value = z[i]));
    return show();
  }

  function follow(event) {
    if (!event.buttons) return;
    const frame = map.getBoundingClientRect();
    const across = (event.clientX - frame.left) / frame.width;
    const down = (event.clientY - frame.top) / frame.height;
    move([(2 * across - 1) * REACH, (1 - 2 * down) * REACH]);
  }

  map.addEventListener("pointerdown", follow);
  map.addEventListener("pointermove", follow);
  sliders.forEach((slider) => slider.addEventListener("input", show));
  let draws = 0;
  find(".draw").addEventListener("click", () => move(demoNoise(Date.now() + draws++, 2)));
  await drawMap();
  await show();
});

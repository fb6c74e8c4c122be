"use strict";

// Chromium keeps some words as the boxes that it drew before course.css's Chinese font came. It looks them up by
// font properties, so that a change of one redraws them. The new letters may be wider, too.
document.fonts.addEventListener("loadingdone", () => {
  document.documentElement.style.textRendering = "optimizeLegibility";
  makeScrollersReachable();
});

// Ctrl+K (or ⌘K) goes to the search box in the header.
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    const box = document.querySelector("#course-search, .course-search input");
    if (box) {
      event.preventDefault();
      box.focus();
      box.select();
    }
  }
});

// What scrolls sideways can be reached and scrolled by keyboard: some browsers need to be told.
function makeScrollersReachable() {
  for (const box of document.querySelectorAll(".bd-article :is(div, pre, .math, mjx-container)")) {
    const scrolls = box.scrollWidth > box.clientWidth && /auto|scroll/.test(getComputedStyle(box).overflowX);
    if (scrolls) box.tabIndex = 0;
    else if (box.tabIndex === 0 && !box.matches("button, input, .stage")) box.removeAttribute("tabindex");
  }
}

window.addEventListener("load", () => {
  Promise.resolve(window.MathJax?.startup?.promise).then(makeScrollersReachable);
  new ResizeObserver(makeScrollersReachable).observe(document.querySelector(".bd-article"));  // also when a fold opens
});

// A moving picture can be stopped, and stands still for whoever asked the browser for less movement.
function makeStoppable(picture) {
  const still = Object.assign(document.createElement("canvas"), {width: picture.naturalWidth, height: picture.naturalHeight});
  const button = Object.assign(document.createElement("button"), {type: "button", className: "stop"});
  still.setAttribute("role", "img");
  still.setAttribute("aria-label", picture.alt);
  still.getContext("2d").drawImage(picture, 0, 0);
  const show = (moving) => {
    picture.hidden = !moving;
    still.hidden = moving;
    button.textContent = moving ? "停住动图" : "播放动图";
  };
  button.addEventListener("click", () => show(picture.hidden));
  picture.after(still, button);
  show(!matchMedia("(prefers-reduced-motion: reduce)").matches);
}

window.addEventListener("load", () => document.querySelectorAll('.bd-article img[src$=".gif"]').forEach(makeStoppable));

// The search page: every word of the query must occur on a page; sections that have one are shown.
const tidy = (text) => text.trim().toLowerCase().replace(/\s+/g, " ");

function element(tag, parent, text = "", properties = {}) {
  const made = Object.assign(document.createElement(tag), { textContent: text }, properties);
  parent.append(made);
  return made;
}

function excerpt(parent, text, words) {
  const lower = text.toLowerCase();
  const first = Math.min(...words.map((word) => lower.indexOf(word)).filter((at) => at >= 0));
  let at = Math.max(0, (Number.isFinite(first) ? first : 0) - 30);
  const end = Math.min(text.length, at + 110);
  const line = element("p", parent, at > 0 ? "…" : "");
  while (at < end) {
    const hits = words.map((word) => [lower.indexOf(word, at), word.length]).filter(([hit]) => hit >= 0 && hit < end);
    const [hit, length] = hits.sort((a, b) => a[0] - b[0] || b[1] - a[1])[0] || [end, 0];
    line.append(text.slice(at, hit));
    if (length) element("mark", line, text.slice(hit, hit + length));
    at = hit + length;
  }
  line.append(at < text.length ? "…" : "");
}

function find(words) {
  const count = (text, word) => text.toLowerCase().split(word).length - 1;
  const weigh = ([heading, , text], word) => 20 * count(heading, word) + count(text, word);
  return window.COURSE_PAGES.map(([address, sections]) => {
    const weights = sections.map((section) => words.map((word) => weigh(section, word)));
    const found = words.every((_, i) => weights.some((weight) => weight[i]));
    const sum = (weight) => weight.reduce((a, b) => a + b, 0) * weight.filter(Boolean).length;
    const hits = sections.map((section, i) => ({ section, weight: sum(weights[i]) })).filter((hit) => hit.weight);
    hits.sort((a, b) => b.weight - a.weight);
    return { address, title: sections[0][0], found, hits, weight: hits.reduce((all, hit) => all + hit.weight, 0) };
  }).filter((page) => page.found).sort((a, b) => b.weight - a.weight);
}

function startSearch(box) {
  const results = document.getElementById("course-results");
  const show = () => {
    results.replaceChildren();
    const words = tidy(box.value).replace(/["“”]/g, "").split(" ").filter(Boolean);
    if (!words.length) return;
    const pages = find(words);
    element("p", results, pages.length ? `找到 ${pages.length} 页` : "没有找到。换个说法，或者只留一个词。", { className: "detail" });
    for (const page of pages) {
      element("a", element("h2", results), page.title, { href: page.address });
      for (const { section: [heading, anchor, text] } of page.hits.slice(0, 3)) {
        if (anchor) element("a", element("h3", results), heading, { href: `${page.address}#${anchor}` });
        excerpt(results, text, words);
      }
    }
  };
  document.querySelector(".course-search").hidden = true; // one box is enough here
  box.addEventListener("input", show);
  box.value = new URLSearchParams(location.search).get("q") || "";
  box.focus();
  show();
}

// The scoreboard: buttons filter by verdict, lists by part and family, column heads sort.
function startScoreboard(table) {
  const body = table.tBodies[0];
  const buttons = [...document.querySelectorAll(".filters button")];
  const lists = [...document.querySelectorAll(".filters select")];
  const chosen = { kind: "" };
  const show = () => {
    buttons.forEach((button) => button.setAttribute("aria-pressed", button.dataset.kind === chosen.kind));
    const fits = (row) => Object.entries(chosen).every(([name, value]) => value === "" || row.dataset[name] === value);
    [...body.rows].forEach((row) => (row.hidden = !fits(row)));
    const shown = [...body.rows].filter((row) => !row.hidden).length;
    document.getElementById("shown").textContent = shown ? `显示 ${shown} 条。` : "没有这样的断言，换一个条件。";
  };
  const choose = (name, value) => { chosen[name] = value; show(); };
  buttons.forEach((button) => button.addEventListener("click", () => choose("kind", button.dataset.kind)));
  lists.forEach((list) => list.addEventListener("change", () => choose(list.dataset.filter, list.value)));
  const wanted = new URLSearchParams(location.search).get("verdict");
  choose("kind", buttons.some((button) => button.dataset.kind === wanted) ? wanted : "");

  table.querySelectorAll("th button").forEach((button) => {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const up = head.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("th").forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => Number(row.dataset[button.dataset.key]);
      const rows = [...body.rows].sort((a, b) => (up ? key(a) - key(b) : key(b) - key(a)));
      body.append(...rows);
    });
  });
}

document.addEventListener("DOMContentLoaded", () => {
  const box = document.getElementById("course-search");
  if (box) startSearch(box);
  const table = document.querySelector("table.scoreboard");
  if (table) startScoreboard(table);
});

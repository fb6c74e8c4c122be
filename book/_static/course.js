"use strict";

// Ctrl+K (or ⌘K) goes to the search box in the header.
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    const box = document.querySelector("#course-search input, .course-search input");
    if (box) {
      event.preventDefault();
      box.focus();
      box.select();
    }
  }
});

// The search page: pagefind's interface, started with the query of the header's form.
function startSearch(place) {
  if (location.protocol === "file:") {
    // Browsers let no page read other files from disk, so pagefind cannot load its index.
    place.innerHTML =
      "<p>直接双击打开的页面不能搜索。在仓库里运行下面的命令，再打开 <code>http://localhost:8000</code>：</p>" +
      "<pre>python -m http.server 8000 -d book/_build/html</pre>";
    return;
  }
  const search = new PagefindUI({
    element: place,
    showSubResults: true,
    showImages: false,
    excerptLength: 30,
    resetStyles: false,
  });
  const query = new URLSearchParams(location.search).get("q");
  document.querySelector(".course-search").hidden = true; // one box is enough here
  if (query) search.triggerSearch(query);
}

// The scoreboard: buttons filter by verdict, column heads sort.
function startScoreboard(table) {
  const body = table.tBodies[0];
  const filters = [...document.querySelectorAll(".filters button")];
  const show = (kind) => {
    filters.forEach((button) => button.setAttribute("aria-pressed", button.dataset.kind === kind));
    [...body.rows].forEach((row) => (row.hidden = kind !== "" && row.dataset.kind !== kind));
  };
  filters.forEach((button) => button.addEventListener("click", () => show(button.dataset.kind)));
  const wanted = new URLSearchParams(location.search).get("verdict");
  if (filters.some((button) => button.dataset.kind === wanted)) show(wanted);

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
  const place = document.getElementById("course-search");
  if (place) startSearch(place);
  const table = document.querySelector("table.scoreboard");
  if (table) startScoreboard(table);
});

// Sorts, filters, opens rows and saves with DataTables; the address keeps the state of every board.
// Parameters of the address are <task>.q, .order, .budget, .family, .control and .open; all.q, .budget, .family, .control
// of every board that does not say its own, and all.tasks, which boards there are.
const text = document.getElementById("library").textContent;
const { jQuery: $ } = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
const dark = matchMedia("(prefers-color-scheme: dark)");
const darken = () => document.documentElement.classList.toggle("dark", dark.matches);
dark.addEventListener("change", darken);
darken();

const HEADLINE = "headline";
const exactly = (value) => (value ? `^${value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$` : "");
const readAddress = () => new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
function writeAddress(task, values) {
  const address = readAddress();
  for (const [name, value] of Object.entries(values)) {
    if (value === null) address.delete(`${task}.${name}`);
    else address.set(`${task}.${name}`, value);
  }
  showAddress(address);
}
function showAddress(address) {
  const hash = address.toString().replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%2C", ",");
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

// ---- boards

const EVERY = "all";
const boards = [...document.querySelectorAll("details.board[data-task]")];
const made = new Map(); // the table of each board that has been opened
const ofEvery = (name) => readAddress().get(`${EVERY}.${name}`) ?? (name === "budget" ? HEADLINE : "");
const read = (task, name) => readAddress().get(`${task}.${name}`) ?? ofEvery(name);
const choose = (value) => value.replace(/^all$/, ""); // of a select, where empty is for all

function makeBoard(board) {
  const table = board.querySelector("table.taskboard");
  if (table.classList.contains("dataTable")) return;
  const task = board.dataset.task;
  table.querySelectorAll("tr[hidden]").forEach((row) => (row.hidden = false));
  const names = [...table.tHead.rows[0].cells].map((cell) => cell.dataset.name ?? "");
  const filters = board.querySelector(".filters");
  filters.hidden = false;
  const shown = $(table)
    .on("requestChild.dt", (event, row) => showRow(row))
    .DataTable({
      paging: false,
      autoWidth: false,
      order: [],
      columnDefs: names.flatMap((name, i) => (name === "control" ? [{ targets: i, visible: false }] : [])),
      searchCols: names.map((name) => (name === "budget" ? { search: exactly(HEADLINE), regex: true } : null)),
      language: { search: "Search", info: "_TOTAL_ of _MAX_ rows", infoFiltered: "", infoEmpty: "No row", emptyTable: "No row" },
      layout: { topStart: () => filters, topEnd: "search", bottomStart: "info", bottomEnd: { buttons: listButtons(task) } },
      stateSave: true,
      stateDuration: -1,
      stateSaveCallback: (settings, state) => writeAddress(task, packState(state, names)),
      stateLoadCallback: () => unpackState(task, names),
    });
  made.set(board, shown);
  for (const select of filters.querySelectorAll("select")) {
    const column = shown.column(names.indexOf(select.dataset.filter));
    select.value = choose(read(task, select.dataset.filter));
    select.addEventListener("change", () => column.search(exactly(select.value), true, false).draw());
  }
  table.addEventListener("click", (event) => {
    const link = event.target.closest("a.open");
    if (!link) return;
    event.preventDefault();
    const row = shown.row(link.closest("tr"));
    if (row.child.isShown()) row.child.hide();
    else showRow(row);
    link.setAttribute("aria-expanded", row.child.isShown());
    shown.state.save();
  });
  table.querySelectorAll("a.open").forEach((link) => link.setAttribute("aria-expanded", shown.row(link.closest("tr")).child.isShown() === true));
  board.querySelector(".rows").hidden = true;
}

function showRow(row) {
  const detail = document.getElementById(`detail-${row.id()}`) ?? row.child()?.[0].querySelector(".detail");
  if (!detail.querySelector(".maps")) {
    const maps = [...document.querySelectorAll(".gallery")]
      .filter((gallery) => gallery.dataset.task === detail.dataset.task)
      .flatMap((gallery) => [...gallery.querySelectorAll("details figure")])
      .filter((figure) => figure.dataset.method === detail.dataset.method);
    if (maps.length) detail.append(Object.assign(document.createElement("div"), { className: "maps" }));
    maps.forEach((figure) => detail.lastElementChild.append(figure.cloneNode(true)));
  }
  row.child(detail).show();
}

function packState(state, names) {
  const searched = (name) => state.columns[names.indexOf(name)].search.search.replace(/^\^|\$$/g, "").replace(/\\(.)/g, "$1");
  const unlessEvery = (name, value) => (value === ofEvery(name) ? null : value);
  const [order] = state.order ?? [];
  return {
    q: unlessEvery("q", state.search.search),
    order: order?.length ? `${order[0]}:${order[1]}` : null,
    budget: unlessEvery("budget", searched("budget") || "all"),
    family: unlessEvery("family", searched("family")),
    control: unlessEvery("control", searched("control")),
    open: state.childRows?.length ? state.childRows.map((id) => id.replace(/^#.*?--/, "")).join(",") : null,
  };
}

function unpackState(task, names) {
  const get = (name) => read(task, name);
  if (![...readAddress().keys()].some((key) => key.startsWith(`${task}.`) || key.startsWith(`${EVERY}.`))) return null;
  const filters = { budget: choose(get("budget")), family: get("family"), control: get("control") };
  const [column, direction] = get("order").split(":");
  return {
    time: Date.now(),
    start: 0,
    length: -1,
    order: direction ? [[Number(column), direction]] : [],
    search: { search: get("q"), smart: true, regex: false, caseInsensitive: true },
    columns: names.map((name) => ({ visible: name !== "control", search: { search: exactly(filters[name] ?? ""), smart: false, regex: true, caseInsensitive: true } })),
    childRows: get("open").split(",").filter(Boolean).map((id) => `#${task}--${id}`),
  };
}

function listButtons(name) {
  const exportOptions = { columns: ":visible" };
  const common = { exportOptions, title: null, filename: name };
  return [{ extend: "csv", text: "CSV", ...common }, { text: "JSON", action: (event, table) => saveJson(table, name, exportOptions) }, { extend: "copy", text: "Copy", ...common }];
}

function saveJson(table, name, exportOptions) {
  const { header, body } = table.buttons.exportData(exportOptions);
  const rows = body.map((cells) => Object.fromEntries(cells.map((cell, i) => [header[i], cell])));
  const blob = new Blob([JSON.stringify(rows, null, 1)], { type: "application/json" });
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${name}.json` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}

for (const board of boards) {
  board.addEventListener("toggle", () => board.open && makeBoard(board));
}

// ---- filters of every board

const every = document.querySelector(".every"); // a page without boards has none
const asked = [...(every?.querySelectorAll("[data-filter]") ?? [])];

function filterEvery({ target }) {
  const address = readAddress();
  const { filter } = target.dataset;
  const value = filter === "budget" ? target.value || "all" : target.value;
  for (const board of boards) address.delete(`${board.dataset.task}.${filter}`);
  if (value === (filter === "budget" ? HEADLINE : "")) address.delete(`${EVERY}.${filter}`);
  else address.set(`${EVERY}.${filter}`, value);
  showAddress(address);
  if (filter === "tasks") return showTasks();
  for (const [board, table] of made) {
    const select = board.querySelector(`.filters select[data-filter="${filter}"]`);
    if (filter === "q") table.search(value).draw();
    else {
      select.value = choose(value);
      select.dispatchEvent(new Event("change"));
    }
  }
}

function showTasks() {
  const wanted = ofEvery("tasks");
  for (const board of boards) board.hidden = Boolean(wanted) && board.dataset.family !== wanted;
}

function showEvery() {
  for (const control of asked) control.value = choose(ofEvery(control.dataset.filter));
  showTasks();
}

for (const control of asked) control.addEventListener(control.type === "search" ? "input" : "change", filterEvery);
every?.querySelector("button").addEventListener("click", () => boards.forEach((board) => (board.open = !board.hidden)));
if (every) every.hidden = false;

// ---- other tables: sorted and searched, without a state

function makePlain(table) {
  if (table.classList.contains("dataTable")) return;
  const long = table.tBodies[0].rows.length > 8;
  const overall = table.classList.contains("overall");
  const layout = { topStart: null, topEnd: long && !overall ? "search" : null, bottomStart: null, bottomEnd: null };
  $(table).DataTable({ paging: false, autoWidth: false, order: [], info: false, layout, language: { search: "Search" } });
}
for (const table of document.querySelectorAll("table.sortable")) {
  const closed = table.closest("details");
  if (closed && !closed.open) closed.addEventListener("toggle", () => closed.open && makePlain(table));
  else makePlain(table);
}

// ---- pictures

function makeLine(figures) {
  const line = Object.assign(document.createElement("div"), { className: "maps" });
  line.append(...figures);
  return line;
}

// One map upon the other, blended so that what is equal is black.
function makeDifference(first, second) {
  const figure = first.cloneNode(true);
  const images = [figure.querySelector("img"), second.querySelector("img").cloneNode(true)];
  images[1].alt = "";
  images[0].alt = `Where ${first.dataset.method} and ${second.dataset.method} differ`;
  const stack = Object.assign(document.createElement("div"), { className: "difference" });
  stack.append(...images);
  figure.prepend(stack);
  figure.querySelector("figcaption").textContent = "where they differ (black: equal)";
  return figure;
}

for (const gallery of document.querySelectorAll(".gallery")) {
  const pair = gallery.querySelector(".pair");
  const selects = [...pair.querySelectorAll("select")];
  const shown = pair.querySelector(".shown");
  pair.hidden = false;
  selects[1].selectedIndex = Math.min(1, selects[1].length - 1);
  const show = () => {
    const wanted = selects.map((select) => select.value);
    const all = [...gallery.querySelectorAll("details > .maps > figure")];
    const copies = (method) => all.filter((figure) => figure.dataset.method === method).map((figure) => figure.cloneNode(true));
    const [first, second] = wanted.map(copies);
    shown.replaceChildren(...[copies(undefined), first, second, first.map((figure, i) => makeDifference(figure, second[i]))].map(makeLine));
  };
  selects.forEach((select) => select.addEventListener("change", show));
}

for (const button of document.querySelectorAll("button.copy")) {
  const source = button.closest("details").querySelector("pre");
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  });
}

// ---- addresses

function follow() {
  const address = readAddress();
  const tasks = new Set([...address.keys()].map((key) => key.slice(0, key.lastIndexOf("."))));
  const named = [...tasks].map((task) => document.getElementById(`board-${task}`)).filter(Boolean);
  const target = named[0] ?? document.getElementById(tasks.size ? "boards" : decodeURIComponent(location.hash.slice(1)));
  named.forEach((board) => (board.open = true));
  for (let at = target?.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
  named.forEach(makeBoard);
  showEvery();
  if (location.hash) target?.scrollIntoView();
}
addEventListener("hashchange", follow);
follow();
document.documentElement.dataset.ready = "yes";

// What the page can do beyond being read: living pictures, a table that filters and sorts, deep links, themes.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const requests = data.requests;
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const words = (key) => data.words[key];
  const PAGE = 100;
  const PERIOD = "period";

  // ---- theme: the reader's choice, else the system's
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
  const theme = byId("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    drawAll();
  });
  prefersDark.addEventListener("change", drawAll);

  // ---- pictures
  const views = {};
  let period = null; // chosen by the reader: [from, until] in seconds, null while it is the one the page began with
  let given = null;

  function fitted(specification, room) {
    const narrow = room < 620;
    const labels = narrow ? 96 : 176;
    const copy = JSON.parse(JSON.stringify(specification));
    const walk = (node) => {
      if (Array.isArray(node)) return node.forEach(walk);
      if (node === null || typeof node !== "object") return;
      if (typeof node.width === "number" && typeof node.height === "number") node.width = Math.max(120, room - labels - 44);
      if ("minExtent" in node) {
        node.minExtent = node.maxExtent = labels;
        node.labelLimit = labels - 6;
        if (narrow) node.titlePadding = 0;
      }
      if (narrow && node.orient === "top" && "symbolSize" in node) node.columns = 1;
      Object.entries(node).forEach(([name, value]) => { if (name !== "datasets") walk(value); });
    };
    walk(copy);
    return copy;
  }

  function withPeriod(specification) {
    for (const param of specification.params || []) {
      if (param.name === PERIOD) {
        given = given || param.value.x;
        if (period) param.value = { x: period };
      }
      if (param.name === "period_from") param.value = chosenPeriod()[0];
      if (param.name === "period_until") param.value = chosenPeriod()[1];
    }
    return specification;
  }

  async function draw(figure) {
    const name = figure.dataset.picture;
    const live = figure.querySelector(".live");
    const still = figure.querySelector(".still");
    const room = figure.clientWidth;
    const specification = withPeriod(fitted(data.pictures[name], room));
    live.hidden = false;
    try {
      const result = await vegaEmbed(live, specification, {
        actions: false, renderer: "svg", ast: true, config: data.looks[isDark() ? "dark" : "light"], tooltip: { theme: "none" },
      });
      if (views[name]) views[name].finalize();
      views[name] = result.view;
      still.hidden = true;
      // One sentence says what the picture shows; roles without names for its parts are only noise.
      live.querySelectorAll("[role^=graphics]").forEach((each) => {
        each.removeAttribute("role");
        each.removeAttribute("aria-roledescription");
      });
      figure.dataset.drawn = "yes";
      if (name === "lanes") listen(result.view);
    } catch (error) {
      live.hidden = true;
      still.hidden = false;
      console.error(error);
    }
  }

  function listen(view) {
    let waiting = 0;
    view.addSignalListener(PERIOD, (_, value) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        const chosen = value && Object.values(value)[0];
        period = chosen ? [...chosen] : null;
        followPeriod();
      }, 120);
    });
  }

  function drawAll() {
    document.querySelectorAll("figure[data-picture]").forEach(draw);
  }

  // ---- the period: the other pictures and the table follow what is chosen in the first
  let lastEnd = null;
  const end = () => lastEnd ??= Object.values(data.pictures.lanes.datasets).flat().map((row) => row.until_s)
    .filter((each) => typeof each === "number").reduce((most, each) => Math.max(most, each), 0);
  const chosenPeriod = () => (period && (period[0] > 0 || period[1] < end()) ? period : [null, null]);
  function followPeriod() {
    const [from, until] = chosenPeriod();
    for (const name of ["terminations", "causes"]) {
      if (views[name]) views[name].signal("period_from", from).signal("period_until", until).runAsync();
    }
    document.querySelectorAll(".of-period").forEach((note) => {
      note.hidden = from === null;
      if (from !== null) note.textContent = words("lanes.only").replace("{from}", from.toFixed(3)).replace("{until}", until.toFixed(3));
    });
    showPeriod();
    filter();
  }

  // ---- the period by keyboard
  const form = byId("period");
  function showPeriod() {
    const shown = period || given;
    if (!shown || !form) return;
    byId("period-from").value = shown[0].toFixed(3);
    byId("period-until").value = shown[1].toFixed(3);
  }
  function choosePeriod(from, until) {
    period = [from, until];
    draw(byId("picture-lanes"));
    followPeriod();
  }
  if (form && byId("picture-lanes")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const from = Number(byId("period-from").value), until = Number(byId("period-until").value);
      if (until > from) choosePeriod(from, until);
    });
    byId("period-reset").addEventListener("click", () => choosePeriod(0, end()));
  }

  // ---- the table
  const coded = (column, row) => (column.codes[row] < 0 ? null : column.names[column.codes[row]]);
  const text = (name) => (row) => coded(requests[name], row);
  const number = (name) => (row) => requests[name][row];
  const count = requests.line.length;
  const idOf = (row) => `${coded(requests.source, row)}:${requests.line[row]}`;
  const reference = (column, row) => {
    const source = coded(column.source, row);
    return source === null ? "" : `${source}:${column.line[row]}`;
  };
  const titleOf = (name) => data.titles[name] || name;
  const zero = BigInt(data.zero_ns);
  function clock(row) {
    const us = (zero + BigInt(requests.started_us[row]) * 1000n) / 1000n;
    const moment = new Date(Number(us / 1000n));
    return moment.toISOString().slice(11, 19) + "." + String(us % 1000000n).padStart(6, "0");
  }
  const values = {
    request: (row) => idOf(row), started: number("started_us"), latency: number("latency_ms"),
    status: (row) => text("status")(row) ?? words("requests.none"), cause: (row) => titleOf(text("cause")(row)),
    tier: text("tier"), pod: (row) => text("pod_name")(row) ?? "", since_signal: number("since_signal_ms"),
    evidence: (row) => reference(requests.evidence_ref, row),
  };
  const cells = {
    ...values, started: clock, latency: (row) => requests.latency_ms[row].toFixed(3),
    since_signal: (row) => (requests.since_signal_ms[row] === null ? "" : requests.since_signal_ms[row].toFixed(0)),
  };
  const table = byId("failed");
  const body = table && table.tBodies[0];
  let order = [...Array(count).keys()];
  let found = order;
  let sorted = { column: "started", up: true };
  let shown = PAGE;
  let chosen = null;

  function haystack(row) {
    return [
      idOf(row), cells.status(row), coded(requests.cause, row), cells.cause(row), cells.pod(row), cells.evidence(row),
      text("symptom")(row), text("error")(row), text("method")(row), text("url")(row), reference(requests.proxy_ref, row),
    ].join(" ").toLowerCase();
  }

  function filter() {
    if (!body) return;
    const needle = byId("filter-text").value.trim().toLowerCase();
    const [from, until] = chosenPeriod();
    const cause = byId("filter-cause").value, tier = byId("filter-tier").value, pod = byId("filter-pod").value;
    found = order.filter((row) =>
      (!cause || text("cause")(row) === cause) && (!tier || text("tier")(row) === tier) &&
      (!pod || text("pod_name")(row) === pod) &&
      (from === null || (requests.started_us[row] >= from * 1e6 && requests.started_us[row] <= until * 1e6)) &&
      (!needle || haystack(row).includes(needle)));
    shown = PAGE;
    show();
  }

  function show() {
    const wide = table.tHead.rows[0].cells;
    const names = [...wide].map((cell) => cell.dataset.column);
    body.replaceChildren(...found.slice(0, shown).map((row) => {
      const line = document.createElement("tr");
      line.className = "openable" + (row === chosen ? " chosen" : "");
      names.forEach((name, place) => {
        const cell = document.createElement(place ? "td" : "th");
        if (!place) {
          cell.scope = "row";
          const link = document.createElement("a");
          link.href = "#request=" + encodeURIComponent(idOf(row));
          link.textContent = cells[name](row);
          cell.append(link);
        } else {
          cell.textContent = cells[name](row);
          if (wide[place].classList.contains("number")) cell.className = "number";
        }
        line.append(cell);
      });
      line.addEventListener("click", (event) => { if (event.target.tagName !== "A") location.hash = "request=" + encodeURIComponent(idOf(row)); });
      return line;
    }));
    byId("shown").textContent = words("requests.shown").replace("{count}", found.length.toLocaleString("en").replaceAll(",", "\u00a0"))
      .replace("{all}", count.toLocaleString("en").replaceAll(",", "\u00a0")) + (chosenPeriod()[0] === null ? "" : ", " + words("requests.period"));
    byId("more").hidden = found.length <= shown;
  }

  function sortBy(column) {
    sorted = { column, up: sorted.column === column ? !sorted.up : true };
    const value = values[column], sign = sorted.up ? 1 : -1;
    const keys = order.map(value);
    const places = [...order.keys()].sort((a, b) => {
      const one = keys[a], other = keys[b];
      if (one === other) return order[a] - order[b];
      if (one === null || one === "") return 1;
      if (other === null || other === "") return -1;
      if (typeof one === "number") return sign * (one - other);
      return sign * String(one).localeCompare(String(other), undefined, { numeric: true });
    });
    order = places.map((place) => order[place]);
    for (const cell of table.tHead.rows[0].cells) {
      const mine = cell.dataset.column === column;
      if (mine) cell.setAttribute("aria-sort", sorted.up ? "ascending" : "descending");
      else cell.removeAttribute("aria-sort");
      cell.querySelector("span").textContent = mine ? (sorted.up ? " ▲" : " ▼") : "";
    }
    filter();
  }

  if (body) {
    byId("filters").hidden = false;
    for (const cell of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.title = words("requests.sort").replace("{column}", cell.textContent);
      const arrow = document.createElement("span");
      arrow.ariaHidden = "true";
      button.append(cell.textContent, arrow);
      cell.replaceChildren(button);
      button.addEventListener("click", () => sortBy(cell.dataset.column));
    }
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("filter-text").addEventListener("input", filter);
    for (const id of ["filter-cause", "filter-tier", "filter-pod"]) byId(id).addEventListener("change", filter);
    byId("filter-reset").addEventListener("click", () => { clearFilters(); filter(); });
    byId("more").addEventListener("click", () => { shown += PAGE * 5; show(); });
    sorted = { column: "started", up: false };
    sortBy("started");
  }

  function clearFilters() {
    byId("filter-text").value = byId("filter-cause").value = byId("filter-tier").value = byId("filter-pod").value = "";
    if (!period) return;
    period = null;
    draw(byId("picture-lanes"));
    followPeriod();
  }

  // ---- one request
  function detail(row) {
    const box = byId("detail");
    const id = idOf(row);
    const facts = [
      ["requests.started", clock(row)], ["requests.latency", cells.latency(row)], ["requests.status", cells.status(row)],
      ["requests.cause", `${cells.cause(row)} (${text("cause")(row)})`], ["requests.tier", text("tier")(row)],
      ["requests.weight", requests.weight[row] < 1 ? `${Math.round(requests.weight[row] * 100)} %` : null],
      ["requests.runner_up", text("runner_up")(row) && titleOf(text("runner_up")(row))],
      ["requests.symptom", text("symptom")(row)], ["requests.error", text("error")(row)],
      ["requests.url", [text("method")(row), text("url")(row)].filter(Boolean).join(" ")],
      ["requests.pod", text("pod_name")(row)], ["requests.since_signal", cells.since_signal(row)],
      ["requests.trigger", text("pod_trigger")(row) && (words("triggers." + text("pod_trigger")(row)) || text("pod_trigger")(row))],
      ["requests.tries", requests.attempt_count[row]], ["requests.proxy_line", reference(requests.proxy_ref, row)],
      ["requests.evidence", reference(requests.evidence_ref, row)],
      ["requests.explain", `zdtrace explain REC ${quoted(id)}`],
    ].filter(([, value]) => value !== null && value !== undefined && value !== "");
    const heading = document.createElement("h3");
    heading.textContent = words("requests.details").replace("{request}", id);
    const list = document.createElement("dl");
    list.className = "facts";
    for (const [key, value] of facts) {
      const term = document.createElement("dt"), meaning = document.createElement("dd");
      term.textContent = words(key);
      if (key === "requests.explain") {
        const code = document.createElement("code");
        code.textContent = value;
        meaning.append(code);
      } else meaning.textContent = value;
      list.append(term, meaning);
    }
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = words("requests.closed");
    close.addEventListener("click", () => { box.hidden = true; chosen = null; history.replaceState(null, "", "#requests"); show(); });
    box.replaceChildren(heading, list, close);
    const story = byId("story=" + id);
    if (story) {
      story.open = true;
      const link = document.createElement("a");
      link.href = "#story=" + encodeURIComponent(id);
      link.textContent = story.querySelector("summary").textContent;
      list.after(link);
    }
    box.hidden = false;
    box.focus({ preventScroll: true });
    box.scrollIntoView({ block: "start" });
  }
  const quoted = (id) => (/^[\w./:@%+=-]+$/.test(id) ? id : `'${id.replaceAll("'", "'\\''")}'`);

  // ---- deep links
  function follow() {
    const [name, ...rest] = location.hash.slice(1).split("=");
    let value = rest.join("=");
    try { value = decodeURIComponent(value); } catch { /* shown as it stands */ }
    if (name === "request" && body) {
      const row = [...Array(count).keys()].find((each) => idOf(each) === value);
      if (row === undefined) return;
      if (!found.includes(row)) { clearFilters(); filter(); }
      chosen = row;
      const place = found.indexOf(row);
      if (place >= shown) shown = place + PAGE;
      show();
      detail(row);
    } else if (name === "cause") {
      const article = byId("cause=" + value);
      document.querySelectorAll(".cause.chosen").forEach((each) => each.classList.remove("chosen"));
      if (article) { article.classList.add("chosen"); article.scrollIntoView({ block: "start" }); }
      const choice = byId("filter-cause");
      if (choice && [...choice.options].some((each) => each.value === value)) { choice.value = value; filter(); }
    } else if (name === "story") {
      const story = byId("story=" + value);
      if (story) { story.open = true; story.scrollIntoView({ block: "start" }); }
    }
  }
  window.addEventListener("hashchange", follow);
  document.querySelectorAll("a.of-cause").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    clearFilters();
    byId("filter-cause").value = link.dataset.cause;
    filter();
    history.pushState(null, "", link.getAttribute("href"));
    byId("requests").scrollIntoView({ block: "start" });
  }));

  // ---- copying
  document.querySelectorAll("button.copy").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
      } catch {
        const range = document.createRange();
        range.selectNodeContents(code);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        document.execCommand("copy");
      }
      button.textContent = words("reproduce.copied");
      setTimeout(() => { button.textContent = words("reproduce.copy"); }, 1500);
    });
  });

  // ---- start
  const stories = [...document.querySelectorAll("details.story")];
  if (stories.length) stories[0].open = true;
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = stories.filter((each) => !each.open);
    opened.forEach((each) => { each.open = true; });
  });
  window.addEventListener("afterprint", () => { opened.forEach((each) => { each.open = false; }); });
  let lastWidth = root.clientWidth, waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (root.clientWidth !== lastWidth) { lastWidth = root.clientWidth; drawAll(); }
    }, 150);
  });
  Promise.all([...document.querySelectorAll("figure[data-picture]")].map(draw)).then(() => {
    showPeriod();
    follow();
    root.dataset.ready = "yes";
  });
})();

"use strict";
document.documentElement.classList.add("scripted");
{
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const players = new Map();

  /** One failure's timeline: which row is the current one, in which level of detail. */
  class Player {
    constructor(timeline) {
      this.timeline = timeline;
      this.changes = JSON.parse(timeline.querySelector(".changes").textContent);
      this.lanes = [...timeline.querySelectorAll(".lanes")];
      this.rows = this.lanes.map((lanes) => [...lanes.querySelectorAll(".row")]);
      this.level = 0;
      this.at = 0;
      this.range = timeline.querySelector("input[type=range]");
      this.output = timeline.querySelector("output");
      this.now = timeline.querySelector(".now");
      this.threads = timeline.querySelector(".threads");
      this.values = timeline.querySelector(".values");
      this.buttons = new Map([...timeline.querySelectorAll("[data-go]")].map((each) => [each.dataset.go, each]));
      for (const [where, button] of this.buttons) button.addEventListener("click", () => this.go(where));
      this.range.addEventListener("input", () => this.show(this.range.value - 1));
      for (const lanes of this.lanes) lanes.addEventListener("click", (event) => this.clicked(event));
      for (const radio of timeline.querySelectorAll(".levels input")) {
        radio.addEventListener("change", () => this.choose(Number(radio.value)));
        if (radio.checked) this.level = Number(radio.value); // browsers remember it
      }
      this.choose(this.level);
    }

    go(where) {
      const last = this.rows[this.level].length - 1;
      this.show({ first: 0, back: this.at - 1, forward: this.at + 1, last }[where]);
    }

    clicked(event) {
      const row = event.target.closest(".row");
      if (row && getSelection().isCollapsed) this.show(this.rows[this.level].indexOf(row));
    }

    /** Another level of detail: the row that stands at the same point of time. */
    choose(level) {
      const n = this.changes[this.level][this.at].n;
      this.rows[this.level][this.at].removeAttribute("aria-current");
      this.level = level;
      const at = this.changes[level].findIndex((change) => change.n >= n);
      this.range.max = this.rows[level].length;
      this.show(this.at === 0 ? 0 : at < 0 ? this.rows[level].length - 1 : at, false);
    }

    show(at, moved = true) {
      const rows = this.rows[this.level];
      at = Math.max(0, Math.min(at, rows.length - 1));
      rows[this.at]?.removeAttribute("aria-current");
      this.at = at;
      rows[at].setAttribute("aria-current", "step");
      if (moved) rows[at].scrollIntoView({ block: "nearest", inline: "nearest", behavior: calm.matches ? "auto" : "smooth" });
      this.range.value = at + 1;
      this.output.textContent = `${at + 1} / ${rows.length}`;
      const ends = { first: 0, back: 0, forward: rows.length - 1, last: rows.length - 1 };
      for (const [where, button] of this.buttons) button.setAttribute("aria-disabled", String(at === ends[where]));
      this.tell(rows[at]);
    }

    /** How things stand after the current row: all changes up to it, added up. */
    tell(row) {
      const changes = this.changes[this.level];
      const threads = {}, values = {};
      for (let n = 0; n <= this.at; n++) {
        Object.assign(threads, changes[n].threads);
        Object.assign(values, changes[n].values);
      }
      const place = row.querySelector(".line");
      const thread = element("b", row.querySelector(".thread b").textContent);
      const told = [...row.querySelectorAll(".effect, .holds, .error, .turn")].map((each) => each.textContent.trim());
      const rest = element("span", told.join(", ").replace(/\s+/g, " "));
      rest.className = "unseen"; // for those who hear the page
      this.now.replaceChildren(thread, place ? `line ${place.textContent} ` : "", rest);
      this.threads.replaceChildren(
        ...Object.entries(threads).map(([name, [status, holds]]) => {
          const cell = element("td", status);
          if (holds.length) cell.append(element("small", `holds ${holds.join(", ")}`));
          return line(name, cell, false);
        }),
      );
      this.values.replaceChildren(
        ...Object.entries(values).map(([name, [before, after]]) => {
          const changed = name in changes[this.at].values;
          const shown = after === null || after === undefined ? before : changed && before !== null ? `${before} → ${after}` : after;
          return line(name, element("td", shown), changed);
        }),
      );
      this.values.closest("table").hidden = !this.values.children.length;
    }
  }

  function element(tag, text) {
    const made = document.createElement(tag);
    made.textContent = text;
    return made;
  }

  function line(name, cell, changed) {
    const row = document.createElement("tr");
    const head = element("th", name);
    head.scope = "row";
    row.append(head, cell);
    row.classList.toggle("changed", changed);
    return row;
  }

  /** The timeline that the arrow keys are for: the one with the focus, else the one that fills most of the window. */
  function addressed() {
    const focused = document.activeElement?.closest(".timeline");
    if (focused) return players.get(focused);
    let most = 0, found;
    for (const [timeline, player] of players) {
      const box = timeline.getBoundingClientRect();
      const seen = Math.min(box.bottom, innerHeight) - Math.max(box.top, 0);
      if (seen > most) [most, found] = [seen, player];
    }
    return found;
  }

  document.addEventListener("keydown", (event) => {
    const where = { ArrowLeft: "back", ArrowRight: "forward" }[event.key];
    const modified = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
    if (!where || modified || event.target.closest("input, textarea, select")) return;
    const player = addressed();
    if (!player) return;
    event.preventDefault();
    player.go(where);
  });

  async function copy(button) {
    const source = document.getElementById(button.dataset.copies);
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      getSelection().selectAllChildren(source); // left selected, if this fails as well
      if (!document.execCommand("copy")) return;
    }
    const before = [...button.childNodes];
    button.replaceChildren("Copied");
    setTimeout(() => button.replaceChildren(...before), 1500);
  }

  for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", () => copy(button));
  for (const timeline of document.querySelectorAll(".timeline")) players.set(timeline, new Player(timeline));
}

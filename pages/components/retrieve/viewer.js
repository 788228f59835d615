// Result cards and the viewer that one of them opens: query and result side by side, moved and windowed together.
// What the viewer looks at is kept in `states`: Streamlit calls the component again whenever its data changes.
const states = new WeakMap();
const STEP = 1.25, LEAST = 0.1, MOST = 16, NUDGE = 40;

function fresh() {
  return { rank: 0, zoom: 1, x: 0, y: 0, centre: 127.5, width: 255, invert: false, tool: "window", overlay: false };
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function card(one, sealed, actions) {
  const verdict = sealed ? "sealed" : one.verdict;
  const picture = element("img", { src: sealed ? one.sealed : one.src, alt: "" });
  const open = element("button", { type: "button", className: "open", onclick: () => actions.open(one.rank) }, picture);
  open.setAttribute("aria-label", `Open result ${one.rank}: ` + (sealed ? `${one.distance}, sealed` : one.words));
  const lines = [element("p", {}, element("b", { textContent: `${one.rank}. ` }), one.distance)];
  if (sealed) lines.push(element("p", { textContent: "sealed" }));
  else {
    if (one.likeness) lines.push(element("p", { textContent: one.likeness }));
    lines.push(element("p", { className: "label", textContent: one.label }));
    if (one.name) lines.push(element("p", { className: "name", textContent: one.name }));
  }
  const from = element("button", { type: "button", className: "from", textContent: "Search from this" });
  from.setAttribute("aria-label", `Search from this: result ${one.rank}`);
  from.onclick = () => actions.from(one.rank);
  return element("li", { className: `card ${verdict}` }, open, ...lines, from);
}

// Gray values between the window's edges are spread over all that a screen shows (DICOM PS3.3 C.11.2.1.2, linear).
function lookUp(state) {
  const table = new Uint8ClampedArray(256);
  for (let gray = 0; gray < 256; gray++) {
    const shown = ((gray - state.centre) / state.width + 0.5) * 255;
    table[gray] = state.invert ? 255 - Math.min(255, Math.max(0, shown)) : shown;
  }
  return table;
}

function paint(pane, state) {
  const image = pane.loaded, canvas = pane.querySelector("canvas");
  if (!image || !image.naturalWidth) return;
  if (canvas.width !== image.naturalWidth || canvas.height !== image.naturalHeight) {
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
  }
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  if (state.width !== 255 || state.centre !== 127.5 || state.invert) {
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height), table = lookUp(state);
    for (let n = 0; n < pixels.data.length; n += 4)
      for (let channel = 0; channel < 3; channel++) pixels.data[n + channel] = table[pixels.data[n + channel]];
    context.putImageData(pixels, 0, 0);
  }
  place(pane, state);
}

function fit(pane) {
  const canvas = pane.querySelector("canvas"), box = pane.getBoundingClientRect();
  return Math.min(box.width / canvas.width, box.height / canvas.height) || 1;
}

function place(pane, state) {
  const canvas = pane.querySelector("canvas"), scale = fit(pane) * state.zoom;
  const left = -canvas.width * scale / 2 + state.x, top = -canvas.height * scale / 2 + state.y;
  canvas.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
  canvas.style.imageRendering = scale > 3 ? "pixelated" : "auto";
}

function load(pane, source, alt, caption, state) {
  pane.querySelector("canvas").setAttribute("aria-label", alt);
  pane.querySelector("figcaption").textContent = caption;
  if (pane.source === source) return paint(pane, state);
  pane.source = source;
  const image = new Image();
  image.onload = () => {
    if (pane.source !== source) return;
    pane.loaded = image;
    paint(pane, state);
  };
  image.src = source;
}

function pointers(pane, state, redraw) {
  const held = new Map();
  let before = 0;
  const span = () => {
    const [one, two] = [...held.values()];
    return Math.hypot(one.x - two.x, one.y - two.y);
  };
  pane.onpointerdown = (event) => {
    pane.setPointerCapture(event.pointerId);
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (held.size === 2) before = span();
  };
  pane.onpointerup = pane.onpointercancel = (event) => held.delete(event.pointerId);
  pane.onpointermove = (event) => {
    const last = held.get(event.pointerId);
    if (!last) return;
    const x = event.clientX - last.x, y = event.clientY - last.y;
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (held.size === 2) {
      state.zoom = Math.min(MOST, Math.max(LEAST, state.zoom * span() / before));
      before = span();
    } else if (state.tool === "pan" || event.shiftKey || event.buttons & 6) {
      state.x += x;
      state.y += y;
    } else {
      state.width = Math.min(510, Math.max(8, state.width + x));
      state.centre = Math.min(255, Math.max(0, state.centre - y));
    }
    redraw();
  };
  pane.oncontextmenu = (event) => event.preventDefault();
  pane.onwheel = (event) => {
    event.preventDefault();
    state.zoom = Math.min(MOST, Math.max(LEAST, state.zoom * (event.deltaY < 0 ? STEP : 1 / STEP)));
    redraw();
  };
}

export default function ({ data: [data], parentElement, setTriggerValue }) {
  const find = (selector) => parentElement.querySelector(selector);
  const state = states.get(parentElement) || fresh();
  states.set(parentElement, state);
  const dialog = find("dialog"), panes = [find(".pane.query"), find(".pane.result")];
  const results = data.results;

  const redraw = () => panes.forEach((pane) => paint(pane, state));
  const press = (name, pressed) => find(`.bar .${name}`).setAttribute("aria-pressed", String(pressed));
  const show = () => {
    const one = results.find((result) => result.rank === state.rank);
    if (!one) return dialog.close();
    const overlay = state.overlay && data.overlay && data.overlay.rank === state.rank ? data.overlay : null;
    const source = data.sealed ? one.sealed : one.src;
    load(panes[0], overlay ? overlay.query : data.query.src, data.query.words, data.query.note, state);
    load(panes[1], overlay ? overlay.result : source, `Result ${one.rank}: ${one.words}`, one.note, state);
    find("#viewer-title").textContent = `Result ${one.rank} of ${results.length}: ` + (data.sealed ? "sealed" : one.words);
    find(".said").textContent = overlay ? overlay.words : state.overlay ? "Looking for what is alike ..." : "";
    find(".previous").disabled = state.rank <= 1;
    find(".next").disabled = state.rank >= results.length;
    find(".bar .overlay").hidden = !data.explains || data.sealed;
    press("window", state.tool === "window");
    press("pan", state.tool === "pan");
    press("invert", state.invert);
    press("overlay", state.overlay);
  };
  const go = (rank) => {
    if (rank < 1 || rank > results.length) return;
    state.rank = rank;
    if (state.overlay) setTriggerValue("explained", rank);
    show();
  };
  const turn = (change) => {
    Object.assign(state, change);
    show();
  };
  const zoom = (factor) => turn({ zoom: Math.min(MOST, Math.max(LEAST, state.zoom * factor)) });
  const reset = () => turn({ zoom: 1, x: 0, y: 0, centre: 127.5, width: 255, invert: false });
  const actions = {
    open: (rank) => {
      const kept = state.tool;
      Object.assign(state, fresh(), { rank, tool: kept });
      if (!dialog.open) dialog.showModal();
      show();
    },
    from: (rank) => {
      if (dialog.open) dialog.close();
      setTriggerValue("picked", rank);
    },
  };

  const shown = JSON.stringify([data.sealed, results.map((one) => [one.id, one.words, one.name, one.src.length])]);
  const cards = find(".cards");
  if (cards.dataset.shown !== shown) {
    cards.dataset.shown = shown;
    cards.replaceChildren(...results.map((one) => card(one, data.sealed, actions)));
  }
  find(".close").onclick = () => dialog.close();
  find(".previous").onclick = () => go(state.rank - 1);
  find(".next").onclick = () => go(state.rank + 1);
  find(".window").onclick = () => turn({ tool: "window" });
  find(".pan").onclick = () => turn({ tool: "pan" });
  find(".in").onclick = () => zoom(STEP);
  find(".out").onclick = () => zoom(1 / STEP);
  find(".one").onclick = () => turn({ zoom: 1 / fit(panes[1]), x: 0, y: 0 });
  find(".invert").onclick = () => turn({ invert: !state.invert });
  find(".reset").onclick = reset;
  find(".bar .overlay").onclick = () => {
    turn({ overlay: !state.overlay });
    if (state.overlay && !(data.overlay && data.overlay.rank === state.rank)) setTriggerValue("explained", state.rank);
  };
  find(".bar .from").onclick = () => actions.from(state.rank);
  panes.forEach((pane) => pointers(pane, state, redraw));
  const keys = {
    ArrowRight: () => go(state.rank + 1), ArrowLeft: () => go(state.rank - 1), "+": () => zoom(STEP),
    "=": () => zoom(STEP), "-": () => zoom(1 / STEP), 0: reset, 1: () => find(".one").click(),
    i: () => find(".invert").click(), p: () => turn({ tool: "pan" }), w: () => turn({ tool: "window" }),
  };
  const moves = {
    ArrowRight: () => turn({ x: state.x - NUDGE }), ArrowLeft: () => turn({ x: state.x + NUDGE }),
    ArrowUp: () => turn({ y: state.y + NUDGE }), ArrowDown: () => turn({ y: state.y - NUDGE }),
  };
  dialog.onkeydown = (event) => {
    const act = (event.shiftKey && moves[event.key]) || keys[event.key] || keys[event.key.toLowerCase()];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  dialog.onclose = () => {
    const back = cards.children[state.rank - 1];
    if (back) back.querySelector(".open").focus();
  };
  if (dialog.open) show();
  const sized = new ResizeObserver(redraw);
  sized.observe(panes[0]);
  return () => sized.disconnect();
}

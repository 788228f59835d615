// A map of a gallery: a button for each picture, its thumbnail on hover and focus, a click to search from it.
const TILES = 24;

export default function ({ data, parentElement, setTriggerValue }) {
  const find = (selector) => parentElement.querySelector(selector);
  const plot = find(".plot"), peek = find(".peek"), thumb = find(".thumb");
  plot.setAttribute("aria-label", data.words);
  find(".legend").replaceChildren(...data.legend.map(([name, colour]) => {
    const dot = Object.assign(document.createElement("i"), {}), item = document.createElement("span");
    dot.style.background = colour;
    item.append(dot, name);
    return item;
  }));
  const hide = () => { peek.hidden = true; };
  const show = (button, point) => {
    const box = button.getBoundingClientRect(), side = thumb.offsetWidth || 136;
    peek.hidden = false;
    thumb.style.backgroundImage = `url(${data.sprite})`;
    thumb.style.backgroundSize = `${TILES * side}px auto`;
    thumb.style.backgroundPosition = `${-(point.tile % TILES) * side}px ${-Math.floor(point.tile / TILES) * side}px`;
    peek.querySelector("p").textContent = point.words;
    peek.style.left = Math.max(4, Math.min(window.innerWidth - 160, box.right + 8)) + "px";
    peek.style.top = Math.max(4, Math.min(window.innerHeight - 210, box.top - 60)) + "px";
  };
  const buttons = data.points.map((point, number) => {
    const button = Object.assign(document.createElement("button"), { type: "button", tabIndex: number ? -1 : 0 });
    button.setAttribute("aria-label", point.words);
    button.className = point.found ? "found" : "";
    button.style.cssText = `left:${point.x}%;top:${point.y}%;background:${point.colour}`;
    button.onmouseenter = button.onfocus = () => show(button, point);
    button.onmouseleave = button.onblur = hide;
    button.onclick = () => { hide(); setTriggerValue("picked", point.id); };
    button.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = buttons[(number + step + buttons.length) % buttons.length];
      button.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    };
    return button;
  });
  plot.replaceChildren(...buttons);
  if (data.query) {
    const mark = Object.assign(document.createElement("span"), { className: "query" });
    mark.style.cssText = `left:${data.query[0]}%;top:${data.query[1]}%`;
    plot.append(mark);
  }
  return hide;
}

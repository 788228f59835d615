// Ways to take a figure along. A chart's drawing is made by Plotly itself, whose own button for it is out of sight.
function save(name, text) {
  // With its mark of UTF-8, or spreadsheets misread what is not ASCII.
  const href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  Object.assign(document.createElement("a"), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10000);
}

export default function ({ data, parentElement }) {
  const row = parentElement.querySelector(".row");
  const said = Object.assign(document.createElement("span"), { role: "status" });
  const offered = [];
  const add = (text, label, act) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text, onclick: act });
    button.setAttribute("aria-label", label);
    offered.push(button);
  };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(data.command);
      said.textContent = "Copied: " + data.command;
    } catch {
      const box = Object.assign(document.createElement("textarea"), { value: data.command, readOnly: true });
      box.setAttribute("aria-label", "Copy this command");
      said.replaceChildren(box);
      box.select();
    }
  };
  const name = data.file.replaceAll("_", " ");
  if (data.csv) add("\u2193 CSV", `CSV of ${name}`, () => save(`${data.file}.csv`, data.csv));
  if (data.chart)
    add("\u2193 SVG", `SVG of ${name}`, () => document.querySelector(`.st-key-${data.chart} .modebar-btn`)?.click());
  if (data.command) add("Copy command", `Copy the command that makes ${name}`, copy);
  row.replaceChildren(...offered, said);
}

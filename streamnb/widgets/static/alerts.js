// Alerts: the newest banners, and desktop notifications where the reader has allowed them. Texts become text nodes.

const SHOWN = 4;
const SVG = "http://www.w3.org/2000/svg";
const BELL = "M8 1a1 1 0 0 0-1 1v.3A4.5 4.5 0 0 0 3.500 6.700V10L2 12h12l-1.500-2V6.700A4.500 4.500 0 0 0 9 2.300V2a1 1 0 0 0-1-1zM6.500 13a1.500 1.500 0 0 0 3 0z";

function drawing(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "snb-alerts-bell");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

function line(banner) {
  return banner.facts.map(([name, text]) => `${name} ${text}`).join(" · ");
}

function render({ model, el }) {
  el.classList.add("snb-alerts");
  const head = element("div", "snb-alerts-head");
  const bell = drawing(BELL);
  const title = element("span", "snb-alerts-title", model.get("title"));
  const count = element("span", "snb-alerts-count");
  const allow = element("button", "snb-alerts-allow", "notify me");
  allow.type = "button";
  allow.title = "show desktop notifications of new alerts";
  const clear = element("button", "snb-alerts-clear", "clear");
  clear.type = "button";
  head.append(bell, title, count, allow, clear);
  const list = element("div", "snb-alerts-list");
  list.setAttribute("role", "log");
  list.setAttribute("aria-live", "polite");
  const problem = element("div", "snb-alerts-problem");
  el.append(head, list, problem);

  const newest = () => model.get("banners").at(-1)?.id ?? 0;
  let told = newest(); // those that were there before the page are old news
  let cleared = 0;
  const dismissed = new Set();

  const permission = () => (globalThis.Notification ? Notification.permission : "denied");
  const offer = () => (allow.hidden = permission() !== "default");
  allow.addEventListener("click", async () => {
    await Notification.requestPermission();
    offer();
  });
  clear.addEventListener("click", () => {
    cleared = newest();
    draw();
  });

  function draw() {
    const raised = model.get("raised");
    const held = model.get("held");
    count.textContent = `${raised.toLocaleString("en-US")} alert${raised === 1 ? "" : "s"}` +
      (held ? ` · ${held.toLocaleString("en-US")} came too fast to be shown` : "");
    const banners = model.get("banners").filter((banner) => banner.id > cleared && !dismissed.has(banner.id));
    clear.hidden = banners.length === 0;
    list.replaceChildren(...banners.slice(-SHOWN).reverse().map((banner) => {
      const node = element("div", banner.id > told ? "snb-alert snb-alert-new" : "snb-alert");
      const time = element("time", "", new Date(banner.at).toLocaleTimeString());
      const facts = element("span", "snb-alert-facts");
      for (const [name, text] of banner.facts) {
        const fact = element("span", "snb-alert-fact");
        fact.append(element("span", "snb-alert-name", name), element("b", "", text));
        facts.append(fact);
      }
      const close = element("button", "snb-alert-close", "×");
      close.type = "button";
      close.setAttribute("aria-label", "dismiss");
      close.addEventListener("click", () => {
        dismissed.add(banner.id);
        draw();
      });
      node.append(time, facts, close);
      return node;
    }));
    problem.textContent = model.get("problem");
    problem.hidden = !model.get("problem");
  }

  function hear() {
    const fresh = model.get("banners").filter((banner) => banner.id > told);
    draw();
    if (fresh.length && permission() === "granted") {
      const more = fresh.length > 1 ? ` (and ${fresh.length - 1} more)` : "";
      new Notification(model.get("title") + more, { body: line(fresh.at(-1)), tag: "streamnb" });
    }
    told = newest();
    for (const id of dismissed) if (id < (model.get("banners")[0]?.id ?? 0)) dismissed.delete(id);
  }

  offer();
  draw();
  model.on("change:banners", hear);
  model.on("change:raised change:held change:problem", draw);
  return () => {
    model.off("change:banners", hear);
    model.off("change:raised change:held change:problem", draw);
  };
}

export default { render };

// node label_page.mjs URL PICTURE AUTHOR LABEL [TOKEN]: opens a gateway's label page in Chromium at a phone's
// size, waits for a snippet, looks at its plots, taps once, and prints what it saw.
import { chromium } from "playwright-core";

const [url, picture, author, label, token] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
try {
  const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
  const page = await (await browser.newContext({ ignoreHTTPSErrors: true, ...phone })).newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => { if (!request.url().startsWith(url)) problems.push("asked elsewhere: " + request.url()); });
  await page.goto(url, { waitUntil: "load" });
  if (token) {
    await page.waitForSelector("#sign-in:not([hidden])", { timeout: 20000 });
    await page.fill("#token", token);
    await page.tap("#sign-in button");
  }
  await page.waitForSelector("#question:not([hidden]) svg path", { timeout: 30000 });
  const seen = await page.evaluate(() => {
    const inside = (element) => {
      const box = element.getBoundingClientRect();
      return box.width > 0 && box.height > 0 && box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight;
    };
    const paths = [...document.querySelectorAll("#plots svg path")];
    return {
      id: document.querySelector("#question").dataset.id,
      asked: document.querySelector("#asked").textContent,
      plots: paths.length,
      points: paths.map((path) => path.getAttribute("d").split(/[ML]/).length - 1),
      first_plot_in_view: inside(paths[0].ownerSVGElement),
      buttons_in_view: ["event", "normal"].every((id) => inside(document.getElementById(id))),
      button_height: document.getElementById("event").getBoundingClientRect().height,
      sideways: document.documentElement.scrollWidth > innerWidth,
    };
  });
  // What is drawn, not only what stands in the document: pixels of the line's own colour.
  const drawn = await page.locator("#plots svg").first().screenshot();
  await page.screenshot({ path: picture });
  await page.fill("#author", author);
  await page.tap(label === "yes" ? "#event" : "#normal");
  await page.waitForSelector(`#said[data-kept="${seen.id}"]`, { timeout: 20000 });
  const said = await page.textContent("#said");
  console.log(JSON.stringify({ ...seen, drawn: drawn.toString("base64"), said, link: await page.textContent("#link"), problems }));
} finally {
  await browser.close();
}

// node live_page.mjs URL TOKEN_FILE PICTURE: opens the live page in Chromium, signs in, waits for the
// chart, the alarms and the devices, and takes a picture.
import fs from "node:fs";
import { chromium } from "playwright-core";

const [url, tokenFile, picture] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
try {
  const page = await (await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1100, height: 900 } })).newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => { if (!request.url().startsWith(url)) problems.push("asked elsewhere: " + request.url()); });
  await page.goto(url, { waitUntil: "load" });
  await page.fill("#token", "mwt_admin_wrong");
  await page.click("#sign-in button");
  // The page's content security policy forbids the evaluation in the page that waitForFunction needs.
  const until = async (what, condition) => {
    for (const end = Date.now() + 30000; !(await page.evaluate(condition)); await page.waitForTimeout(100))
      if (Date.now() > end) throw new Error("not within 30 s: " + what);
  };
  await until("a wrong token is refused", () => document.querySelector("#state").textContent !== "not signed in" && document.querySelector("main").hidden);
  await page.fill("#token", fs.readFileSync(tokenFile, "utf8").trim());
  await page.click("#sign-in button");
  await page.waitForSelector("#devices tbody tr", { timeout: 20000 });
  await until("the chart has points", () => Number(document.querySelector("#chart").dataset.points) > 100);
  await page.waitForSelector("#alarms tbody tr", { timeout: 20000 });
  await page.screenshot({ path: picture });
  const seen = await page.evaluate(() => ({
    devices: document.querySelectorAll("#devices tbody tr").length,
    alarms: document.querySelectorAll("#alarms tbody tr").length,
    points: Number(document.querySelector("#chart").dataset.points),
  }));
  console.log(JSON.stringify({ ...seen, problems }));
} finally {
  await browser.close();
}

// The tests' own `test`: a page for each role, and a guard that watches every page of a test.
import AxeBuilder from '@axe-core/playwright';
import { test as base, expect } from '@playwright/test';
import path from 'node:path';

export { expect };
export const url = () => process.env.INNKEEPER_URL;
export const siteId = () => process.env.E2E_SITE;

const DROPPED = 'net::ERR_NETWORK_CHANGED';

/** Watches pages: errors in the console, scripts that fail, refused content, requests that leave the house. */
class Guard {
  problems = [];
  allowed = [];
  hosts = new Set(['localhost', '127.0.0.1']);
  /** How often Chromium dropped its connections: it does when Docker makes or removes a network on this machine. */
  drops = 0;

  /** Lets a message pass that a test provokes. */
  allow(pattern) {
    this.allowed.push(pattern);
  }

  /** Lets pages ask another host: a real site. */
  allowHost(host) {
    this.hosts.add(host);
  }

  watch(context) {
    context.on('page', (page) => {
      page.on('console', (message) => message.type() === 'error' && this.note(`console: ${message.text()}`));
      page.on('requestfailed', (request) => request.failure()?.errorText === DROPPED && (this.drops += 1));
      page.on('pageerror', (error) => this.note(`script: ${error.message}`));
      page.on('request', (request) => this.leaves(request.url()));
      page.on('websocket', (socket) => this.leaves(socket.url()));
    });
    return context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => console.error(`CSP refuses ${event.violatedDirective}: ${event.blockedURI}`));
    });
  }

  leaves(address) {
    const { hostname, protocol } = new URL(address);
    if (/^(data|blob|about):$/.test(protocol)) return;
    if (!this.hosts.has(hostname)) this.note(`a request left the house: ${address}`);
  }

  note(problem) {
    if (problem.includes(DROPPED)) return;
    if (!this.allowed.some((pattern) => pattern.test(problem))) this.problems.push(problem);
  }
}

export const test = base.extend({
  guard: async ({}, use) => {
    const guard = new Guard();
    await use(guard);
    expect(guard.problems, 'what the browser complained about').toEqual([]);
  },
  /** Opens a browser of its own: `await visit('owner')`, with further options of a context. */
  visit: async ({ browser, guard }, use) => {
    const contexts = [];
    await use(async (role, options = {}) => {
      const storageState = role ? path.join(process.env.E2E_FOLDER, `${role}.json`) : undefined;
      const context = await browser.newContext({ baseURL: url(), storageState, locale: 'en-GB', timezoneId: 'UTC', viewport: { width: 1440, height: 900 }, ...options });
      contexts.push(context);
      await guard.watch(context);
      return patient(await context.newPage(), guard);
    });
    await Promise.all(contexts.map((context) => context.close()));
  },
});

/** Opens a page again when the machine's network changed while it came: a part of it may be missing. */
function patient(page, guard) {
  for (const way of ['goto', 'reload']) {
    const once = page[way].bind(page);
    page[way] = async (...given) => {
      for (let tries = 1; ; tries += 1) {
        const before = guard.drops;
        try {
          const answer = await once(...given);
          if (guard.drops === before || tries === 4) return answer;
        } catch (error) {
          // The browser may still be showing its own page about the connection that it lost.
          if (!/ERR_NETWORK_CHANGED|chrome-error:/.test(error.message) || tries === 4) throw error;
        }
      }
    };
  }
  return page;
}

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
/** Dark pages are the light ones in other colours: after a light look only these can find something new. */
const COLOUR_RULES = ['color-contrast', 'link-in-text-block'];
const LOOKS = [
  { colorScheme: 'light', width: 1440 },
  { colorScheme: 'dark', width: 1440, colours: true },
  { colorScheme: 'light', width: 360 },
  { colorScheme: 'dark', width: 360, colours: true },
];

/** Nothing to complain about, in light and dark, wide and narrow; nothing sticks out sideways. */
export async function expectAccessible(page, name, looks = LOOKS) {
  for (const { colorScheme, width, colours } of looks) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 900 });
    // Without the list of what is fine, and without a page of its own to add up frames that we do not have: far quicker.
    const axe = new AxeBuilder({ page }).setLegacyMode(true).options({ resultTypes: ['violations'] });
    const { violations } = await (colours ? axe.withRules(COLOUR_RULES) : axe.withTags(RULES)).analyze();
    const found = violations.map((found) => `${found.id}: ${found.nodes.slice(0, 3).map((node) => `${node.target} – ${node.failureSummary}`).join('; ')}`);
    expect.soft(found, `${name}, ${colorScheme}, ${width} px`).toEqual([]);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect.soft(over, `${name} sticks out sideways at ${width} px`).toBeLessThanOrEqual(0);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  await page.setViewportSize({ width: 1440, height: 900 });
}

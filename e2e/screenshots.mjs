// Makes the pictures in docs/screenshots/ from a real house: `npm --prefix e2e run screenshots`.
//
// Opens a sample house as the tests do, or uses the one that INNKEEPER_URL and INNKEEPER_DATA name.
// `-- --health` makes only those of Site Health. `-- --all FOLDER` takes every page instead, at three widths, in light and dark, to be looked through.
import { chromium } from '@playwright/test';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import config from './playwright.config.js';
import { container, docker } from './support/docker.js';
import { ROOT } from './support/innkeeper.js';
import setup from './support/setup.js';

const { launchOptions } = config.use;
const close = await setup({ projects: [{ use: { launchOptions } }] });
const browser = await chromium.launch(launchOptions);
try {
  const at = process.argv.indexOf('--all');
  if (at > 0) await everything(path.resolve(process.argv[at + 1]));
  else if (process.argv.includes('--health')) await healthStates(`/sites/${process.env.E2E_SITE}`);
  else await forTheDocuments();
} finally {
  await browser.close();
  await close();
}

async function open(role, { width = 1440, height = 900, colorScheme = 'light' } = {}) {
  const context = await browser.newContext({
    baseURL: process.env.INNKEEPER_URL,
    storageState: role ? path.join(process.env.E2E_FOLDER, `${role}.json`) : undefined,
    viewport: { width, height },
    colorScheme,
    locale: 'en-GB',
    timezoneId: 'UTC',
    ignoreHTTPSErrors: true,
  });
  return context.newPage();
}

/** Waits until nothing moves any more: fonts, live parts, transitions. */
async function settle(page) {
  await page.waitForLoadState('networkidle').catch(() => {});
  await page.evaluate(() => document.fonts.ready);
  await page.waitForTimeout(400);
}

async function shot(page, name, options = {}) {
  const file = `docs/screenshots/${name}.png`;
  await mkdir(path.join(ROOT, 'docs/screenshots'), { recursive: true });
  await page.screenshot({ path: path.join(ROOT, file), ...options });
  console.log(file);
}

async function forTheDocuments() {
  const site = `/sites/${process.env.E2E_SITE}`;

  const owner = await open('owner');
  await owner.goto('/sites/new');
  await owner.getByLabel('Name', { exact: true }).fill('Berg & Daughters Ceramics');
  await owner.getByText('is free').waitFor({ timeout: 5000 }).catch(() => {});
  await owner.getByLabel('Address').focus();
  await owner.keyboard.press('End');
  await owner.keyboard.type('s');
  await owner.getByText('is free').waitFor();
  await shot(owner, 'new-site');
  await owner.getByRole('button', { name: 'Create site' }).click();
  await owner.getByText(/^[7-9] of \d+ steps done/).first().waitFor();
  await owner.waitForTimeout(1500);
  await shot(owner, 'progress');
  await owner.getByText('Your site is ready').waitFor({ timeout: 60_000 });
  await owner.goto('/sites');
  await settle(owner);
  await shot(owner, 'sites');
  await owner.goto(site);
  await settle(owner);
  await shot(owner, 'site', { fullPage: true });
  const door = await owner.getByRole('link', { name: 'Visit' }).getAttribute('href');

  const dark = await open('owner', { colorScheme: 'dark' });
  await dark.goto(site);
  await settle(dark);
  await shot(dark, 'site-dark', { fullPage: true });
  const phone = await open('owner', { width: 360, height: 780 });
  await phone.goto(site);
  await settle(phone);
  await shot(phone, 'site-360');

  await healthStates(site);

  const admin = await open('admin');
  for (const [address, name] of [['/admin/customers', 'admin-customers'], ['/admin/jobs', 'jobs']]) {
    await admin.goto(address);
    await settle(admin);
    await shot(admin, name);
  }
  const visitor = await open(null);
  await visitor.goto(door);
  await settle(visitor);
  await shot(visitor, 'portfolio-live');
}

/** What the customer sees when something is wrong, made with the real parts. */
async function healthStates(site) {
  await statesOfANewSite();
  // High enough that nothing scrolls beneath the top bar.
  const page = await open('owner', { height: 2600 });
  const card = page.locator('#health');
  const of = async (name) => {
    await page.waitForTimeout(600);
    await shot(card, `health-${name}`);
  };
  const state = (word) => page.locator('.hero .badge-status, .hero .badge', { hasText: word }).first().waitFor({ timeout: 30_000 });
  await page.goto(site);
  await settle(page);
  const id = process.env.E2E_SITE;
  const alert = await container(id, 'alert');
  const www = await container(id, 'www');
  await docker('kill', alert);
  await state('Stopped');
  await of('stopped');
  await docker('start', alert);
  await state('Running');
  await docker('pause', www);
  await state('Error');
  await of('error');
  await docker('unpause', www);
  await state('Running');
  await docker('rm', '--force', alert);
  await state('Stopped');
  await of('container-missing');
  await page.getByRole('button', { name: 'Restart site' }).click();
  await page.waitForTimeout(400);
  await shot(page, 'health-question');
  await page.getByRole('dialog').getByRole('button', { name: 'Restart' }).click();
  await page.getByRole('button', { name: /Restarting/ }).waitFor();
  await of('restarting');
  await page.getByRole('button', { name: /Restart site in/ }).waitFor({ timeout: 60_000 });
  await state('Running');
  await of('cooldown');
  // Only an engine that was started for tests is frozen.
  const pid = await readFile(path.join(process.env.INNKEEPER_RUN_DIR ?? path.join(ROOT, 'target/run'), 'dockerd.pid'), 'utf8').catch(() => '');
  if (!pid) return console.log('health-unavailable is not made: the engine was not started by scripts/services.sh');
  process.kill(Number(pid), 'SIGSTOP');
  try {
    await state('Status unavailable');
    await of('unavailable');
  } finally {
    process.kill(Number(pid), 'SIGCONT');
  }
  await state('Running');
}

/** What only a site shows that was just made, and a restart that fails: the next one would have to wait for minutes. */
async function statesOfANewSite() {
  const page = await open('owner', { height: 1000 });
  await page.goto('/sites/new');
  await page.getByLabel('Name', { exact: true }).fill('Rye & Salt');
  await page.getByRole('button', { name: 'Create site' }).click();
  await page.getByText(/^[2-9] of \d+ steps done/).first().waitFor();
  await page.waitForTimeout(600);
  await shot(page, 'health-provisioning');
  await page.getByText('Your site is ready').waitFor({ timeout: 120_000 });
  const id = new URL(page.url()).pathname.split('/')[2];
  await page.reload();
  const logs = page.locator('#site-logs');
  // A database that was just made has warned of something.
  await logs.getByRole('link', { name: 'www', exact: true }).click();
  await logs.locator('.chip[aria-current]', { hasText: 'www' }).waitFor();
  await logs.getByRole('link', { name: 'Errors first' }).click();
  await logs.getByText('No recent errors').waitFor();
  await page.waitForTimeout(400);
  await shot(logs, 'health-no-errors');

  const alert = await container(id, 'alert');
  await docker('stop', '--time', '1', alert);
  await docker('update', '--memory-reservation', '6m', '--memory', '6m', '--memory-swap', '6m', '--restart', 'no', alert);
  await page.getByRole('button', { name: 'Restart site' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Restart' }).click();
  await page.getByText('The restart did not help').first().waitFor({ timeout: 120_000 });
  await page.waitForTimeout(600);
  await page.evaluate(() => window.scrollTo(0, 0));
  await shot(page, 'health-failed-restart');
  await page.context().close();
}

async function everything(folder) {
  await mkdir(folder, { recursive: true });
  const site = `/sites/${process.env.E2E_SITE}`;
  const pages = {
    nobody: ['/sign-in', '/forgot-password', '/reset/spent', '/nothing-here', '/api/docs'],
    owner: ['/sites', '/sites/new', site, `${site}/logs`, '/account', '/account/members', '/account/activity', '/account/tokens', '/account/tokens/new', '/account/sessions', '/members/invite'],
    admin: ['/admin/customers', '/admin/customers/new', '/admin/staff', '/admin/sites', '/admin/jobs', '/admin/mail', '/admin/audit', '/admin/doctor?run=now', '/admin/settings', '/admin/health', '/admin/health/models/account', '/admin/health/backtest', '/admin/segments/new', '/admin/tasks', '/admin/plays/new', '/admin/events', '/admin/ingestion', '/sites/new', '/admin/sites/adopt', `${site}/doctor?run=now`, `/status/${process.env.E2E_SITE}`, '/status'],
    concierge: ['/admin/customers', '/admin/sites', site],
  };
  for (const [role, addresses] of Object.entries(pages)) {
    for (const colorScheme of ['light', 'dark']) {
      for (const width of [1440, 768, 360]) {
        const page = await open(role === 'nobody' ? null : role, { width, colorScheme });
        for (const address of addresses) {
          await page.goto(address);
          await settle(page);
          const name = `${role}${address.replace(site, '/site').replaceAll('/', '-')}-${width}-${colorScheme}.png`;
          await page.screenshot({ path: path.join(folder, name), fullPage: address !== '/api/docs' });
        }
        await page.context().close();
      }
    }
  }
  console.log(folder);
}

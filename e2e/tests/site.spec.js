// The life of a site, as its owner sees it: from the form to the recently deleted and back.
import { expect, expectAccessible, test, url } from '../support/test.js';

test.describe.configure({ mode: 'serial' });

// A house that is tested twice holds the site of the first time, too.
const mark = Date.now().toString(36).slice(-5);
const name = `Rosa’s Bakery & Café ${mark}`;
let site = '';
let door = '';
let token = '';

const status = (page) => page.locator('.hero .badge-status');
const isAll = async (page, word) => expect(status(page)).toHaveText(word, { timeout: 60_000 });

test('is asked for with an address that is checked as one types', async ({ visit, guard }) => {
  guard.allow(/status of 422/);
  const page = await visit('owner');
  await page.goto('/sites');
  await page.getByRole('link', { name: 'New site' }).click();
  const address = page.getByLabel('Address');
  const answer = page.locator('[data-field-answer]');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await expect(address, 'suggested from the name').toHaveValue(/^rosas-bakery-cafe/);
  await address.fill('anna-berg');
  await expect(answer).toContainText('taken');
  await expectAccessible(page, 'new site, address taken', [{ colorScheme: 'light', width: 360 }, { colorScheme: 'dark', width: 1440 }]);
  await address.fill('www');
  await expect(answer).toContainText('reserved');
  await address.fill('x');
  await expect(answer).toContainText('2');
  await page.getByRole('button', { name: 'Create site' }).click();
  await expect(page.locator('[aria-invalid]'), 'the server says the same').toBeVisible();
  await expectAccessible(page, 'new site, refused', [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }]);

  const free = `rosas-${mark}`;
  await address.fill(free);
  await expect(answer).toContainText('is free');
  await page.getByRole('button', { name: 'Create site' }).click();

  await page.waitForURL(/\/sites\/app_/);
  site = new URL(page.url()).pathname;
  await expect(page.getByRole('heading', { level: 1 })).toContainText(free);
  const count = page.locator('.card-actions', { hasText: /of \d+ steps done/ });
  await expect(count, 'steps move without a reload').toHaveText(/^[1-9]\d* of/);
  await expectAccessible(page, 'a site being made', [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }]);
  await isAll(page, 'Running');
  await expect(page.getByText('Your site is ready')).toBeVisible();
  door = await page.getByRole('link', { name: 'Visit' }).getAttribute('href');
});

test('is signed in on by its owner, and edited in place', async ({ visit, guard }) => {
  const page = await visit('owner', { permissions: ['clipboard-read', 'clipboard-write'] });
  await page.goto(site);
  await page.getByRole('button', { name: 'Show password' }).click();
  const shown = page.locator('#owner-password .copy-value');
  await expect(shown).toBeVisible();
  const password = await shown.innerText().catch(() => '') || (await shown.inputValue());
  await page.locator('#owner-password [data-copy]').click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(password);
  await expectAccessible(page, 'site page with the password', [{ colorScheme: 'light', width: 360 }]);

  const host = new URL(door).hostname;
  guard.allowHost(host);
  // Before anyone is signed in the site asks who it is, and the console notes the 401.
  guard.allow(/status of 401/);
  const visitor = await visit(null, { ignoreHTTPSErrors: true });
  await visitor.goto(door);
  await expect(visitor.getByRole('heading', { level: 1 })).toBeVisible();
  await expect(visitor).toHaveTitle(new RegExp(name));

  const owner = await visit(null, { ignoreHTTPSErrors: true });
  await owner.goto(`${door}/owner`);
  await owner.getByLabel('E-mail').fill('anna@berg-studio.example');
  await owner.getByLabel('Password').fill(password);
  await owner.getByRole('button', { name: 'Sign in' }).click();
  const headline = owner.getByRole('textbox', { name: /headline/i });
  await headline.fill('Bread that is worth the queue.');
  await headline.press('Enter');
  await expect
    .poll(async () => {
      await visitor.reload();
      return visitor.getByRole('heading', { level: 1 }).innerText();
    })
    .toContain('Bread that is worth the queue.');
});

test('makes a token with which a program reads it', async ({ visit, guard }) => {
  guard.allow(/status of 422/);
  const page = await visit('owner');
  await page.goto('/account/tokens');
  await page.getByRole('link', { name: 'New token' }).first().click();
  await page.getByRole('button', { name: 'Create token' }).click();
  await page.getByLabel('Name').fill('e2e');
  await page.getByLabel('See sites').check();
  await page.getByLabel('start, stop').check();
  await page.getByRole('button', { name: 'Create token' }).click();
  await expect(page.getByText('shown this once')).toBeVisible();
  await expectAccessible(page, 'a new token', [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }]);
  const shown = page.locator('.secret-once .copy-value');
  token = (await shown.innerText().catch(() => '')) || (await shown.inputValue());

  const asked = await fetch(`${url()}/api${site}`, { headers: { authorization: `Bearer ${token}` } });
  expect(asked.status).toBe(200);
  expect((await asked.json()).site_name).toBe(name);
  const refused = await fetch(`${url()}/api/customers`, { headers: { authorization: `Bearer ${token}` } });
  expect(refused.status).toBe(403);
  expect(refused.headers.get('content-type')).toContain('application/problem+json');

  await page.getByRole('link', { name: 'Done' }).click();
  await expect(page.getByRole('row', { name: /e2e/ }).first()).toBeVisible();
  await expectAccessible(page, 'tokens', [{ colorScheme: 'dark', width: 1440 }, { colorScheme: 'light', width: 360 }]);
});

test('is renamed', async ({ visit, guard }) => {
  guard.allow(/status of 422/);
  const page = await visit('owner');
  await page.goto(site);
  await page.getByLabel('Name').fill(' ');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await page.getByLabel('Name').fill(`${name} Nord`);
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved').first()).toBeVisible();
  await expect(page.locator('.hero-facts')).toContainText(`${name} Nord`);
  await isAll(page, 'Running');
  await expect(page.getByText('Applying the settings')).toHaveCount(0, { timeout: 60_000 });
});

test('is stopped: visitors meet a friendly page, open pages know at once', async ({ visit, guard }) => {
  const list = await visit('owner');
  await list.goto('/sites');
  const row = list.getByRole('row', { name: new RegExp(`${name} Nord`) });
  await expect(row).toContainText('Running');

  const page = await visit('owner');
  await page.goto(site);
  await page.getByRole('button', { name: 'Stop', exact: true }).first().click();
  await expect(page.getByRole('dialog', { name: /^Stop / })).toBeVisible();
  await expectAccessible(page, 'site page, asked whether to stop');
  // So low that the page has to be scrolled to its danger zone.
  await page.setViewportSize({ width: 1440, height: 400 });
  await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click();
  await isAll(page, 'Stopped');
  await expect(page.locator('.hero'), 'the reader is where state and steps are').toBeInViewport();
  await expect(row, 'the list followed by itself').toContainText('Stopped');
  await expectAccessible(page, 'site page, stopped', [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }]);

  guard.allowHost(new URL(door).hostname);
  guard.allow(/status of 503/);
  const visitor = await visit(null, { ignoreHTTPSErrors: true });
  const answer = await visitor.goto(door);
  expect(answer.status()).toBe(503);
  await expect(visitor.locator('body')).toContainText(/stopped|not available|back soon|asleep/i);
});

test('is started, and a page without a socket learns of it by asking', async ({ visit, guard }) => {
  guard.allow(/live\/socket\.io|ERR_FAILED/);
  const page = await visit('owner');
  await page.routeWebSocket(/socket\.io/, (socket) => socket.close());
  await page.route(/socket\.io\//, (route) => route.abort());
  await page.goto(site);
  await expect(status(page)).toHaveText('Stopped');
  await expect(page.locator('[data-live-dot]')).toHaveAttribute('data-state', 'polling');

  const api = await fetch(`${url()}/api${site}/start`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
  if (!api.ok) {
    const other = await visit('owner');
    await other.goto(site);
    await other.getByRole('button', { name: 'Start' }).first().click();
  }
  await isAll(page, 'Running');
});

test('is deleted by typing its name, and brought back', async ({ visit, guard }) => {
  test.setTimeout(120_000);
  const page = await visit('owner');
  await page.goto(site);
  await page.getByRole('button', { name: 'Delete', exact: true }).first().click();
  const dialog = page.getByRole('dialog', { name: /^Delete / });
  const sure = dialog.getByRole('button', { name: 'Delete' });
  await expect(sure).toBeDisabled();
  await dialog.getByRole('textbox').fill('rosa');
  await expect(sure).toBeDisabled();
  await expectAccessible(page, 'site page, asked whether to delete', [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }]);
  await dialog.getByRole('textbox').fill(`${name} Nord`);
  await sure.click();
  await expect(page.getByText('This site was deleted')).toBeVisible({ timeout: 60_000 });
  await expectAccessible(page, 'a deleted site', [{ colorScheme: 'dark', width: 1440 }, { colorScheme: 'light', width: 360 }]);

  await page.goto('/sites');
  const row = page.getByRole('row', { name: new RegExp(`${name} Nord`) });
  await expect(row).toContainText('days left');
  await expectAccessible(page, 'sites, one recently deleted', [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }]);
  await row.getByRole('button', { name: 'Restore' }).click();
  await page.waitForURL(/\/sites\/app_/);
  await isAll(page, 'Running');

  guard.allowHost(new URL(door).hostname);
  guard.allow(/status of 401/);
  const visitor = await visit(null, { ignoreHTTPSErrors: true });
  await visitor.goto(door);
  await expect(visitor.getByRole('heading', { level: 1 }), 'what the owner wrote is there again').toHaveText('Bread that is worth the queue.');
});

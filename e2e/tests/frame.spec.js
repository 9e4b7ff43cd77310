// The frame around every page: palette, theme, live dot, without scripts.
import { expect, siteId, test, url } from '../support/test.js';

test('the palette is reached and used by keyboard alone', async ({ visit }) => {
  const page = await visit('admin');
  await page.goto('/admin/jobs');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await page.keyboard.press('Control+k');
  await expect(page.locator('dialog[data-palette] input')).toBeFocused();
  await page.keyboard.type('berg stu');
  await expect(page.getByRole('option', { name: /Berg Studio/ })).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Berg Studio', level: 1 })).toBeVisible();

  await page.keyboard.press('Control+k');
  await page.keyboard.type('anna-berg');
  await expect(page.getByRole('option', { name: /Anna Berg/ }).first()).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.locator('dialog[data-palette] input')).toBeHidden();
  await page.keyboard.press('Control+k');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('audit');
  await expect(page.getByRole('option', { name: 'Audit log' })).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/admin\/audit/);
});

test('a row, a menu and a dialog are reached by keyboard alone', async ({ visit }) => {
  const page = await visit('owner');
  await page.goto('/sites');
  const row = page.getByRole('link', { name: /Anna Berg, Illustrator/ });
  for (let presses = 0; presses < 40 && !(await row.evaluate((link) => link === document.activeElement)); presses += 1) await page.keyboard.press('Tab');
  await expect(row).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(siteId()));

  const remove = page.getByRole('button', { name: 'Delete', exact: true });
  await remove.first().focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: /^Delete / });
  await expect(dialog).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(remove.first(), 'focus comes back').toBeFocused();
});

test('a page that renews itself keeps the place of the keyboard', async ({ visit }) => {
  const page = await visit('owner');
  await page.goto('/sites');
  const row = page.getByRole('link', { name: /Anna Berg, Illustrator/ });
  await row.focus();
  const old = await row.elementHandle();
  await page.evaluate(() => window.dispatchEvent(new Event('online')));
  await expect.poll(() => old.evaluate((link) => link.isConnected), 'the row was fetched again').toBe(false);
  await expect(row).toBeFocused();
});

test('the theme switch works and persists', async ({ visit }) => {
  const page = await visit('concierge', { colorScheme: 'light' });
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.goto('/admin/customers');
  const light = await ground();
  await page.getByLabel('Account menu').click();
  await page.getByRole('radio', { name: 'Dark' }).check();
  await expect.poll(ground).not.toBe(light);
  await page.goto('/admin/sites');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  expect(await ground()).not.toBe(light);
  await page.getByLabel('Account menu').click();
  await page.getByRole('radio', { name: 'System' }).check();
  await page.reload();
  expect(await ground()).toBe(light);
});

test('the live dot says how current a page is', async ({ visit, guard }) => {
  const page = await visit('owner');
  await page.goto('/sites');
  await expect(page.locator('[data-live-dot]')).toHaveAttribute('data-state', 'connected');

  guard.allow(/live\/socket\.io|ERR_FAILED/);
  const cut = await visit('owner');
  await cut.routeWebSocket(/socket\.io/, (socket) => socket.close());
  await cut.route(/socket\.io\//, (route) => route.abort());
  await cut.goto('/sites');
  await expect(cut.locator('[data-live-dot]')).toHaveAttribute('data-state', 'polling');
  await expect(cut.locator('[data-live-dot]')).toHaveText('Polling');
});

test('a failed request becomes a message, not silence', async ({ visit, guard }) => {
  guard.allow(/status of 500|Status Error Code 500/);
  const page = await visit('owner');
  await page.goto(`/sites/${siteId()}`);
  await page.route('**/reveal', (route) => route.fulfill({ status: 500, body: 'no' }));
  await page.getByRole('button', { name: 'Show password' }).click();
  await expect(page.locator('[data-toast]')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Show password' })).toBeEnabled();
});

test('without scripts: sign-in, the site page and the form for a new site', async ({ visit, guard }) => {
  guard.allow(/status of 422/);
  const page = await visit('owner', { javaScriptEnabled: false });
  await page.goto('/sites');
  await page.getByRole('link', { name: /Anna Berg, Illustrator/ }).click();
  await expect(page.getByText('Running').first()).toBeVisible();
  await expect(page.locator('.needs-js:visible')).toHaveCount(0);
  await page.getByRole('button', { name: 'Show password' }).click();
  await expect(page.getByText('The first one.')).toBeVisible();
  await page.goto('/sites/new');
  await page.getByLabel('Name', { exact: true }).fill('Second site');
  await page.getByLabel('Address').fill('anna-berg');
  await page.getByRole('button', { name: 'Create site' }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Second site');
  await expect(page.getByLabel('Address')).toHaveAttribute('aria-invalid', 'true');

  const stranger = await visit(null, { javaScriptEnabled: false });
  await stranger.goto('/sites');
  await expect(stranger).toHaveURL(/sign-in\?next=/);
  await stranger.getByLabel('E-mail').fill(process.env.E2E_OTHER_EMAIL);
  await stranger.getByLabel('Password', { exact: true }).fill('roses are red and so on');
  await stranger.getByRole('button', { name: 'Sign in' }).click();
  await expect(stranger).toHaveURL(`${url()}/sites`);
  await expect(stranger.getByText('No sites yet')).toBeVisible();
});

test("another customer's site is not there", async ({ visit, guard }) => {
  guard.allow(/status of 404/);
  const page = await visit('other');
  const answer = await page.goto(`/sites/${siteId()}`);
  expect(answer.status()).toBe(404);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('There is nothing here');
  await expect(page.getByText('Anna')).toHaveCount(0);
  const posted = await page.request.post(`/sites/${siteId()}/stop`, { headers: { 'sec-fetch-site': 'same-origin' } });
  expect(posted.status()).toBe(404);
});

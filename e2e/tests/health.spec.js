// Site Health: what a customer sees when something breaks, and what they can do about it alone.
import { container, docker } from '../support/docker.js';
import { expect, expectAccessible, siteId, test } from '../support/test.js';

test.describe.configure({ mode: 'serial' });

const health = (page) => page.locator('#health');
const state = (page) => page.locator('.hero .badge-status');

test('stands in its place, with state, uptime and what visitors meet', async ({ visit }) => {
  const page = await visit('owner');
  await page.goto(`/sites/${siteId()}`);
  const titles = await page.locator('main .card h2').allInnerTexts();
  const place = (title) => titles.findIndex((found) => found.startsWith(title));
  expect(place('Your site is ready')).toBeGreaterThanOrEqual(0);
  expect(place('Site Health')).toBe(place('Your site is ready') + 1);
  await expect(state(page)).toHaveText('Running');
  await expect(health(page).locator('.health-facts')).toContainText(/\d+(s|m|h \d+m)/);
  await expect(health(page), 'looked at from outside').toContainText(/Answered in \d+ ms/, { timeout: 60_000 });
  for (const subject of ['status', 'restart']) await expect(health(page).getByLabel(`Help: ${subject}`).first()).toBeVisible();
  await expectAccessible(page, 'site page with its health');
});

test('a service that dies is seen at once, said, and written down', async ({ visit }) => {
  const page = await visit('owner');
  const list = await visit('owner');
  await page.goto(`/sites/${siteId()}`);
  await list.goto('/sites');
  const alert = await container(siteId(), 'alert');
  await docker('kill', alert);
  await expect(state(page), 'without a reload').toHaveText('Stopped', { timeout: 3000 });
  await expect(health(page).getByRole('alert')).toContainText('Alert ended with an error (exit code 137)');
  await expect(list.getByRole('row', { name: /Anna Berg/ }), 'the list followed by itself').toContainText('Stopped');
  await expect(health(page).locator('.incidents'), 'open while it lasts').toContainText('alert');
  await expectAccessible(page, 'site page, a service down', [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }]);
  await docker('start', alert);
  await expect(state(page)).toHaveText('Running', { timeout: 3000 });
  await expect(health(page).getByRole('alert')).toHaveCount(0);
  await page.reload();
  await health(page).getByText(/^Incidents/).click();
  await expect(health(page).locator('.incidents')).toContainText(/Lasted/);
});

test('a frozen service is an error', async ({ visit }) => {
  const page = await visit('owner');
  await page.goto(`/sites/${siteId()}`);
  const www = await container(siteId(), 'www');
  await docker('pause', www);
  try {
    await expect(state(page)).toHaveText('Error', { timeout: 3000 });
    await expect(health(page)).toContainText('Www is paused');
  } finally {
    // The tests after this one live on the same site.
    await docker('unpause', www);
  }
  await expect(state(page), 'without waiting for the next health check').toHaveText('Running', { timeout: 3000 });
});

test('is restarted by its owner, once in five minutes, in every tab', async ({ visit, guard }) => {
  const page = await visit('owner');
  const other = await visit('owner');
  await page.goto(`/sites/${siteId()}`);
  await other.goto(`/sites/${siteId()}`);
  const before = await container(siteId(), 'api');
  await page.getByRole('button', { name: 'Restart site' }).click();
  const question = page.getByRole('dialog', { name: /^Restart / });
  await expect(question).toBeVisible();
  await expectAccessible(page, 'site page, asked whether to restart', [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }]);
  await question.getByRole('button', { name: 'Restart' }).click();
  await expect(page.getByRole('button', { name: /Restarting/ })).toBeVisible();
  await expect(state(page)).toHaveText('Running', { timeout: 30_000 });
  const button = page.getByRole('button', { name: /^Restart site in \d:\d\d$/ });
  await expect(button).toBeDisabled({ timeout: 30_000 });
  await expect(other.getByRole('button', { name: /^Restart site in \d:\d\d$/ }), 'the other tab knows').toBeDisabled({ timeout: 30_000 });
  expect(await container(siteId(), 'api'), 'the same container').toBe(before);
  guard.allow(/status of 429/);
  const answer = await page.request.post(`/api/container/restart?app_id=${siteId()}`, { headers: { origin: new URL(page.url()).origin } });
  expect(answer.status()).toBe(429);
  expect(Number(answer.headers()['retry-after'])).toBeGreaterThan(200);
  await expectAccessible(page, 'site page, counting down', [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }]);
});

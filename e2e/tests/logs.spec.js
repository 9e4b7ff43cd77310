// Logs: a part of the site's page for its owner, a page of its own, and followed by an admin.
import { container, write } from '../support/docker.js';
import { expect, expectAccessible, siteId, test } from '../support/test.js';

const NARROW_AND_WIDE = [{ colorScheme: 'light', width: 1440 }, { colorScheme: 'dark', width: 360 }];
const mark = Date.now().toString(36);

test('come with the site’s page, are searched and filtered in their place', async ({ visit }) => {
  const [www, alert] = [await container(siteId(), 'www'), await container(siteId(), 'alert')];
  await write(www, `first of ${mark}`, `ERROR: it broke ${mark}`, `<b>bold</b> ${mark}`, `of ${mark} password=hunter2-${mark}`, `last of ${mark}`);
  await write(alert, `only alert ${mark}`);
  const page = await visit('owner');
  const asked = page.waitForResponse((answer) => new URL(answer.url()).pathname === `/sites/${siteId()}/logs`);
  await page.goto(`/sites/${siteId()}`);
  expect((await asked).status(), 'fetched once the page stands').toBe(200);
  const address = page.url();
  const logs = page.locator('#site-logs');
  const lines = logs.locator('.log-line');
  const shown = lines.filter({ visible: true });
  await expect(shown, 'folded to five').toHaveCount(5);
  await logs.getByText(/^All \d+ lines$/).click();
  expect(await shown.count()).toBeGreaterThan(5);

  await logs.getByPlaceholder('Search these logs').fill(mark);
  await logs.getByPlaceholder('Search these logs').press('Enter');
  await expect(lines).toHaveCount(6);
  await expect(logs, 'as text, not as a tag').toContainText(`<b>bold</b> ${mark}`);
  await expect(logs).toContainText('password=[redacted:password]');
  await expect(logs).not.toContainText(`hunter2-${mark}`);
  await expect(lines.filter({ hasText: 'it broke' })).toHaveAttribute('data-severity', 'error');
  await logs.getByRole('link', { name: 'alert', exact: true }).click();
  await expect(lines, 'the search stays').toHaveCount(1);
  await expect(lines).toContainText('only alert');
  await logs.getByRole('link', { name: 'All', exact: true }).click();
  // The links of the part that is being replaced still lead to one service's lines.
  await expect(lines).toHaveCount(6);
  await logs.getByRole('link', { name: 'Errors first' }).click();
  await expect(lines.first()).toContainText('it broke');
  expect(page.url(), 'the page stayed where it was').toBe(address);
  await expectAccessible(page, 'site page with its logs', NARROW_AND_WIDE);

  await write(www, `after that ${mark}`);
  await logs.getByRole('link', { name: 'Refresh' }).click();
  await expect(logs).toContainText(`after that ${mark}`);
  const file = page.waitForEvent('download');
  await logs.getByRole('link', { name: 'Download' }).click();
  expect((await file).suggestedFilename()).toBe(`logs-${siteId()}.txt`);
  await logs.getByRole('link', { name: 'Open in full' }).click();
  await expect(page, 'with what was searched').toHaveURL(new RegExp(`/sites/${siteId()}/logs\\?.*${mark}`));
  await expect(page.getByRole('button', { name: 'Follow' }), 'only for admins').toHaveCount(0);
});

test('are followed by an admin while the button is on', async ({ visit }) => {
  const www = await container(siteId(), 'www');
  const page = await visit('admin');
  await page.goto(`/sites/${siteId()}/logs`);
  const button = page.getByRole('button', { name: 'Follow' });
  const first = page.locator('#logs-lines .log-line').first();
  await expect(button).toHaveAttribute('aria-pressed', 'false');
  await write(www, `too early ${mark}`);
  await button.click();
  await expect(button).toHaveAttribute('aria-pressed', 'true');
  // What is there when it begins is not new.
  await page.waitForTimeout(1500);
  await write(www, `followed ${mark}`);
  await expect(first, 'without a reload').toContainText(`followed ${mark}`, { timeout: 4000 });
  await write(www, `ERROR <i>two</i> ${mark}`, `secret_key=abcdefgh-${mark}`);
  await expect(page.locator('#logs-lines')).toContainText(`ERROR <i>two</i> ${mark}`, { timeout: 4000 });
  await expect(first).toContainText('[redacted:');
  await expect(page.locator('#logs-lines')).not.toContainText(`abcdefgh-${mark}`);
  await expect(page.locator('#logs-lines .log-line', { hasText: `followed ${mark}` }), 'each line once').toHaveCount(1);
  await expectAccessible(page, 'logs that are followed', NARROW_AND_WIDE);

  await button.click();
  await expect(button).toHaveAttribute('aria-pressed', 'false');
  await page.waitForTimeout(500);
  await write(www, `unheard ${mark}`);
  await page.waitForTimeout(2500);
  await expect(page.locator('#logs-lines')).not.toContainText(`unheard ${mark}`);
});

// Events from the outside to the pages: a key is made, a program sends, the operator sees it at once and finds it on the customer's page.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, expectAccessible, test } from '../support/test.js';

const run = promisify(execFile);

async function customerOf(page) {
  await page.goto('/admin/customers?q=berg+studio');
  return (await page.getByRole('link', { name: /Berg Studio/ }).getAttribute('href')).split('/').pop();
}

test('a key, the snippet for curl, the event in the open explorer and on the customer page', async ({ visit }) => {
  const page = await visit('admin');
  const customer = await customerOf(page);

  await page.goto('/admin/ingestion');
  await page.getByRole('link', { name: 'New token' }).click();
  await page.getByLabel('Name').fill('Journey');
  await page.getByLabel('Send events').check();
  await page.getByLabel('Events a second').fill('50');
  await page.getByRole('button', { name: 'Create token' }).click();
  const key = (await page.locator('main').innerText()).match(/ink_\w{40}/)[0];
  await page.goto('/admin/ingestion');
  await expect(page.getByRole('row', { name: /Journey/ })).toContainText('50 a second');
  const snippet = await page.locator('details', { has: page.getByText("curl", { exact: true }) }).locator('pre').innerText();

  const explorer = await visit('admin');
  await explorer.goto('/admin/events?name=feature_used');
  await expect(explorer.locator('[data-live-dot]')).toHaveAttribute('data-state', 'connected');
  const id = `journey-${Date.now()}`;
  const command = snippet.replace('cust_…', customer).replace('my-unique-id', id).replace('user-17', id);
  const { stdout } = await run('bash', ['-c', command], { env: { ...process.env, INNKEEPER_KEY: key } });
  expect(JSON.parse(stdout)).toMatchObject({ stored: 1, duplicates: 0 });
  await expect(explorer.getByRole('row', { name: new RegExp(id) }), 'without a reload').toBeVisible({ timeout: 5000 });
  const again = await run('bash', ['-c', command], { env: { ...process.env, INNKEEPER_KEY: key } });
  expect(JSON.parse(again.stdout), 'sent again it counts once').toMatchObject({ stored: 0, duplicates: 1 });

  await page.goto(`/admin/customers/${customer}/timeline`);
  await expect(page.locator('main')).toContainText('invoices');
  const csv = await page.request.get(`/admin/events.csv?name=feature_used&customer=${customer}`);
  expect(await csv.text()).toContain(id);
});

test('a file is sent, checked, imported, and what was refused is named', async ({ visit }) => {
  const page = await visit('admin');
  await page.goto('/admin/ingestion/import');
  await expectAccessible(page, 'import');
  const rows = Array.from({ length: 2000 }, (_, n) => `imported_thing,2026-03-${String((n % 28) + 1).padStart(2, '0')},u${n % 9}`);
  const buffer = Buffer.from(['what,when,who', ...rows, 'imported_thing,yesterday,u1'].join('\n'));
  await page.getByLabel('File').setInputFiles({ name: 'history.csv', mimeType: 'text/csv', buffer });
  await page.getByRole('button', { name: 'Send file' }).click();
  await expect(page.getByRole('heading', { name: 'history.csv' })).toBeVisible();
  await expectAccessible(page, 'import, to be mapped');
  await page.getByLabel('What happened').selectOption('what');
  await page.getByLabel('When').selectOption('when');
  await page.getByLabel('Who').selectOption('who');
  await page.getByRole('button', { name: 'Check' }).click();
  await expect(page.getByText('What an import would do')).toBeVisible({ timeout: 15_000 });
  await expect(page.getByText('the time "yesterday" cannot be read')).toBeVisible();
  await expectAccessible(page, 'import, checked');
  await page.getByRole('button', { name: 'Import' }).click();
  await expect(page.getByText('What was imported')).toBeVisible({ timeout: 15_000 });
  await expect(page.locator('main')).toContainText('2,000');
});

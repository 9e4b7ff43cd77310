// Before all tests: a sample house with one real site, and one signed-in browser state for each role.
//
// With INNKEEPER_URL and INNKEEPER_DATA the tests use a house that runs already, and leave it running.
import { chromium } from '@playwright/test';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ask, freePort, mailSettings, need, signInLink, start } from './innkeeper.js';
import { people } from './people.js';

const run = promisify(execFile);
// Not the name that `make demo` uses: a house that somebody looks at is left alone.
const PROJECT = 'innkeeper-e2e-edge';

export default async function setup(config) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'innkeeper-e2e-'));
  const house = process.env.INNKEEPER_URL ? running() : await openHouse(folder);
  try {
    process.env.INNKEEPER_URL = house.url;
    process.env.INNKEEPER_DATA = house.data;
    process.env.E2E_FOLDER = folder;
    process.env.E2E_SITE = (await sampleSite(house.data)).id;
    await otherCustomer(house.data);
    await signInEveryone(house, folder, config.projects[0].use.launchOptions);
  } catch (error) {
    await house.close();
    throw error;
  }
  return async () => {
    await house.close();
    await rm(folder, { recursive: true, force: true });
  };
}

function running() {
  if (!process.env.INNKEEPER_DATA) throw new Error('INNKEEPER_URL needs INNKEEPER_DATA, the data folder of that house');
  return { url: process.env.INNKEEPER_URL, data: process.env.INNKEEPER_DATA, close: async () => {} };
}

async function openHouse(folder) {
  await sweep();
  const data = path.join(folder, 'house');
  const port = await freePort();
  // The directory is asked from within a container.
  const directory = need('INNKEEPER_TEST_ACME_DIRECTORY').replace('//localhost:', '//host.docker.internal:');
  const house = await start({
    command: [
      'demo', '--listen', `127.0.0.1:${port}`, '--edge-project', PROJECT,
      '--acme-directory', directory, '--acme-ca', need('INNKEEPER_TEST_ACME_CA'), '--trusted-roots', need('INNKEEPER_TEST_ACME_ROOT'),
      '--edge-ports', process.env.INNKEEPER_TEST_ACME_HTTP_PORT ?? '18080', process.env.INNKEEPER_TEST_ACME_HTTPS_PORT ?? '18443',
    ],
    data,
    settings: { ...mailSettings(), INNKEEPER_EDGE__API_PORT: String(await freePort()), INNKEEPER_HOSTING__NETWORK_POOL: '10.217.0.0/16' },
    ready: /Sign in as the operator: +\S+/,
    limit: 900,
  });
  const close = async () => {
    await house.stop();
    await sweep();
  };
  return { url: `http://localhost:${port}`, data, close };
}

/** Removes what this suite made in Docker, also what a run that was killed left behind. */
async function sweep() {
  const docker = async (...args) => (await run('docker', args)).stdout.split(/\s+/).filter(Boolean);
  const mine = `label=innkeeper.instance=${PROJECT}`;
  const edge = `label=innkeeper.edge=${PROJECT}`;
  const containers = [...(await docker('ps', '-aq', '--filter', mine)), ...(await docker('ps', '-aq', '--filter', edge))];
  if (containers.length > 0) await docker('rm', '--force', '--volumes', ...containers);
  for (const kind of ['network', 'volume']) {
    const left = await docker(kind, 'ls', '-q', '--filter', mine);
    if (left.length > 0) await docker(kind, 'rm', ...left);
  }
}

async function sampleSite(data) {
  const sites = await ask(data, ['site', 'list']);
  const site = sites.find((found) => found.domain.startsWith('anna-berg.'));
  return { id: site.app_id };
}

/** Somebody else's owner, who has a password. */
async function otherCustomer(data) {
  const customer = await ask(data, ['customer', 'create', '--name', 'Rossi Florist']);
  const id = customer.customer_uuid;
  people.other.email = `vera.${Date.now()}@rossi.example`;
  process.env.E2E_OTHER_EMAIL = people.other.email;
  await ask(
    data,
    ['member', 'add', '--email', people.other.email, '--name', 'Vera Rossi', '--role', 'owner', '--customer', id, '--password-stdin'],
    people.other.password,
  );
}

async function signInEveryone(house, folder, launchOptions) {
  const browser = await chromium.launch(launchOptions);
  for (const [role, { email }] of Object.entries(people)) {
    const signIn = async () => {
      const page = await browser.newPage();
      await page.goto(await signInLink(house.url, house.data, email));
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'), { timeout: 15_000 });
      await page.context().storageState({ path: path.join(folder, `${role}.json`) });
      await page.context().close();
    };
    // Once more, as the sample site's network has just been made, at which Chromium drops connections.
    await signIn().catch(signIn);
  }
  await browser.close();
}

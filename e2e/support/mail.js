// Reads what the SMTP sink kept.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { need } from './innkeeper.js';

const folder = () => need('INNKEEPER_TEST_MAIL_DIR');

/** Waits for the newest mail to an address that arrived after `since` (ms); answers its text, unfolded. */
export async function mailTo(address, since, limit = 20_000) {
  const end = Date.now() + limit;
  while (Date.now() < end) {
    const names = (await readdir(folder())).filter((name) => name.endsWith('.eml') && Number(name.split('-')[0]) / 1e6 >= since);
    for (const name of names.sort().reverse()) {
      const text = await readFile(path.join(folder(), name), 'utf8');
      if (text.includes(`X-Envelope-To: ${address}`)) return decoded(text);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no mail to ${address}`);
}

/** Quoted-printable, as far as links need it. */
const decoded = (text) => text.replace(/=\r?\n/g, '').replace(/=3D/g, '=');

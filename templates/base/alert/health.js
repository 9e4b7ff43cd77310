// For the container's health check; the image has no curl.
import { get } from 'node:http';

get({ host: '127.0.0.1', port: process.env.ALERT_PORT || 3001, path: '/health', timeout: 2000 }, (answer) => {
  process.exit(answer.statusCode === 200 ? 0 : 1);
}).on('error', () => process.exit(1));

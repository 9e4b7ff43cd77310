<?php
// Brings the database up to date. Waits for it up to a minute, so it serves as entrypoint step and as release command.
declare(strict_types=1);

require dirname(__DIR__) . '/Framework/autoload.php';

$app = new Framework\App(dirname(__DIR__));
$deadline = microtime(true) + 60;
while (true) {
    try {
        $app->db->pdo();
        break;
    } catch (PDOException $error) {
        if (microtime(true) > $deadline) {
            fwrite(STDERR, "the database cannot be reached\n");
            exit(1);
        }
        usleep(100_000);
    }
}
try {
    $done = $app->migrator()->run();
} catch (PDOException $error) {
    fwrite(STDERR, 'migration failed: ' . $error->getMessage() . "\n");
    exit(1);
}
echo $done === [] ? "database is up to date\n" : 'applied ' . implode(', ', $done) . "\n";

<?php
// Loads Framework\… from this folder and Site\… from ../src. No Composer: a site has no PHP dependencies.
declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    $folders = ['Framework\\' => __DIR__, 'Site\\' => dirname(__DIR__) . '/src'];
    foreach ($folders as $prefix => $folder) {
        if (str_starts_with($class, $prefix)) {
            $file = $folder . '/' . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
            if (is_file($file)) {
                require $file;
            }
        }
    }
});

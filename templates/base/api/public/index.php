<?php
declare(strict_types=1);

require dirname(__DIR__) . '/Framework/autoload.php';
(new Framework\App(dirname(__DIR__)))->answer();

<?php
declare(strict_types=1);

namespace Site;

use Framework\Pdf;

/** The résumé as a PDF, set from the profile, the projects and the skills. */
final class Resume
{
    private const INK = [26, 24, 64];
    private const SOFT = [92, 92, 122];
    private const INKS = [
        'ultramarine' => [[44, 68, 214], [240, 72, 150], [255, 222, 40]],
        'moss' => [[24, 110, 84], [236, 120, 60], [240, 220, 110]],
        'ember' => [[190, 52, 30], [60, 80, 190], [255, 200, 60]],
        'graphite' => [[40, 44, 60], [120, 126, 150], [214, 216, 224]],
    ];
    private const LEFT = 56.0;
    private const SIDE = 186.0;
    private const BOTTOM = 784.0;

    public static function pdf(array $site, string $url): string
    {
        ['profile' => $profile, 'projects' => $projects, 'skills' => $skills] = $site;
        $pdf = new Pdf($profile['name'] . ' – résumé', $profile['name']);
        [$first, $second, $third] = self::INKS[$profile['palette']] ?? self::INKS['ultramarine'];
        $pdf->addPage();

        $pdf->colour($third);
        $pdf->circle(500, 74, 40);
        $pdf->colour($second);
        $pdf->circle(538, 104, 26);
        $pdf->colour($first);
        $pdf->circle(468, 112, 15);

        $pdf->colour(self::INK);
        $size = 30.0;
        while ($size > 16 && $pdf->width($profile['name'], $size, true) > 380) {
            $size -= 1;
        }
        $pdf->text(self::LEFT, 92, $profile['name'], $size, true);
        $pdf->colour($first);
        $y = 116.0;
        foreach (array_slice($pdf->wrap($profile['role'], 380, 13), 0, 2) as $line) {
            $pdf->text(self::LEFT, $y, $line, 13);
            $y += 17;
        }
        $pdf->colour(self::SOFT);
        $contacts = array_values(array_filter([$profile['email'], $profile['location'], (string) parse_url($url, PHP_URL_HOST)]));
        $pdf->text(self::LEFT, $y + 4, implode('   ·   ', $contacts), 9.5);
        if ($profile['email'] !== '') {
            $pdf->link(self::LEFT, $y + 6, $pdf->width($profile['email'], 9.5), 12, 'mailto:' . $profile['email']);
        }
        $y += 44;

        $turn = static function (float $y) use ($pdf): float {
            if ($y <= self::BOTTOM) {
                return $y;
            }
            $pdf->addPage();
            $pdf->colour(self::INK);
            return 72.0;
        };
        $right = Pdf::WIDTH - self::SIDE - self::LEFT;
        $heading = static function (string $title) use ($pdf, &$y, $first, $turn): void {
            $y = $turn($y + 40) === 72.0 ? 72.0 : $y;
            $pdf->colour([222, 222, 234]);
            $pdf->rectangle(self::LEFT, $y - 16, Pdf::WIDTH - 2 * self::LEFT, 0.6);
            $pdf->colour($first);
            $pdf->text(self::LEFT, $y, $title, 10.5, true);
        };

        if ($profile['about'] !== '' || $profile['intro'] !== '') {
            $heading('About');
            $pdf->colour(self::INK);
            $y = $pdf->paragraph(self::SIDE, $y, $right, $profile['intro'] !== '' ? $profile['intro'] : $profile['about'], 10.5, 15, $turn) + 4;
            $facts = array_filter(['Languages' => $profile['languages'], 'Works with' => $profile['clients'], 'Now' => $profile['availability']]);
            foreach ($facts as $label => $fact) {
                $y = $turn($y);
                $pdf->colour(self::SOFT);
                $pdf->text(self::SIDE, $y, $label, 9.5);
                $pdf->colour(self::INK);
                $y = $pdf->paragraph(self::SIDE + 68, $y, $right - 68, $fact, 9.5, 14, $turn);
            }
            $y += 24;
        }

        if ($projects !== []) {
            $heading('Selected work');
            foreach (array_slice($projects, 0, 12) as $project) {
                if ($y > self::BOTTOM - 40) {
                    $y = $turn(self::BOTTOM + 1);
                }
                if ($project['year'] !== null) {
                    $pdf->colour(self::SOFT);
                    $pdf->text(self::SIDE - 40, $y, (string) $project['year'], 9.5);
                }
                $pdf->colour(self::INK);
                foreach ($pdf->wrap($project['title'], $right, 11, true) as $line) {
                    $y = $turn($y);
                    $pdf->text(self::SIDE, $y, $line, 11, true);
                    $y += 14.5;
                }
                $pdf->colour(self::SOFT);
                $byline = implode(' · ', array_filter([$project['client'], $project['role']]));
                if ($byline !== '') {
                    $y = $pdf->paragraph(self::SIDE, $y, $right, $byline, 9.5, 13.5, $turn);
                }
                $pdf->colour(self::INK);
                $y = $pdf->paragraph(self::SIDE, $y, $right, $project['summary'], 10, 14, $turn) + 8;
            }
            $y += 18;
        }

        if ($skills !== []) {
            $heading('Skills');
            $groups = [];
            foreach ($skills as $skill) {
                $years = $skill['years'] === null ? '' : ' (' . $skill['years'] . ' y)';
                $groups[$skill['category']][] = $skill['name'] . $years;
            }
            foreach ($groups as $category => $names) {
                $y = $turn($y);
                $pdf->colour(self::SOFT);
                $label = $pdf->wrap((string) $category, 84, 9.5)[0] ?? '';
                $pdf->text(self::SIDE, $y, $label, 9.5);
                $pdf->colour(self::INK);
                $y = $pdf->paragraph(self::SIDE + 90, $y, $right - 90, implode(', ', $names), 10, 14, $turn) + 3;
            }
        }
        return $pdf->output();
    }
}

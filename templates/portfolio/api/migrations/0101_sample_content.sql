-- A made-up person, so that a new site looks finished on its first day. Applied once; what the owner writes stays.

insert into profiles (name, role, headline, intro, about, availability, location, languages, clients, email, links, portrait) values (
  'Inés Quell',
  'Illustrator and identity designer',
  'Loud ink for quiet businesses.',
  'I draw identities, packaging and posters for bakers, book shops and other people who make one thing and make it well.',
  E'I trained as a printer before I was a designer, and it shows. Most of my work starts as two colours and a pair of scissors, and only goes near a screen once it holds together on paper.\n\nClients come to me when they have outgrown the logo a cousin made, and do not want to look like everybody else. We begin with a long conversation in your workshop. A week later you get three honest directions, not thirty. What you keep at the end is a small, sturdy system that your own people can use without me.\n\nWhen I am not working I run a Sunday print club for teenagers and lose at chess.',
  'Taking on two projects from March',
  'Porto, Portugal',
  'English, Spanish, Portuguese',
  'Bakeries, publishers, radio stations',
  'hello@example.com',
  '[{"label":"Instagram","url":"https://www.instagram.com/"},{"label":"LinkedIn","url":"https://www.linkedin.com/"},{"label":"Are.na","url":"https://www.are.na/"}]',
  'samples/portrait.svg'
);

insert into projects (slug, title, summary, body, client, role, year, url, tags, position) values
('slow-bread', 'Pão Lento', 'An identity for a bakery that opens when the bread is ready.',
 E'Pão Lento has no opening hours. When the ovens are done a yellow flag goes up over the door, and the street queues. The identity had to say that without a word of explanation.\n\nWe cut one loaf from paper and used it for everything: the flag, the bags, the flour sacks, the stamp on the crust. Two inks print the whole range, so a new bag costs the bakery a plate and an afternoon.\n\nIn the first summer the flag was photographed more often than the church next door.',
 'Pão Lento, Porto', 'Identity, packaging, signage', 2026, '', '["Identity","Packaging"]', 1),
('tidewater', 'Tidewater Festival', 'Nine posters that fill up with water as the week goes on.',
 E'A festival of sea songs on a coast that is slowly losing its beach. Each day has its own poster, and on each the tide stands a little higher, until on Sunday only the sun looks out.\n\nThe posters were printed in one run on a two-colour press, in order, without cleaning the rollers in between. The inks blend as the week does.',
 'Tidewater Trust', 'Art direction, illustration', 2025, '', '["Poster","Illustration"]', 2),
('nightshift-radio', 'Nightshift Radio', 'A face for a station that only broadcasts between midnight and six.',
 E'Nightshift plays for nurses, bakers and drivers. Its old logo was a microphone, like everyone''s. Now it is a moon that is also a dial: it turns with the hour, so listeners see at a glance how much night is left.\n\nThe system runs on the web player, on stickers inside taxis and on one very large sign on the roof of a car park.',
 'Nightshift Cooperative', 'Identity, web player', 2025, '', '["Identity","Digital"]', 3),
('common-ground', 'Common Ground Seeds', 'Forty seed packets that gardeners do not throw away.',
 E'Every packet is a quarter of a larger picture. Sow all four and you have a poster of the bed you have just planted, with the months printed along the edge.\n\nLeaf shapes were drawn from the plants themselves, pressed under glass on the studio table over one long summer.',
 'Common Ground', 'Packaging, illustration', 2024, '', '["Packaging","Illustration"]', 4),
('small-hills', 'An Atlas of Small Hills', 'A walking book about places too low for a map.',
 E'Sixty hills, none higher than a church tower. The author walks them, I drew them: each as a handful of contour lines and the colour of the weather on the day.\n\nThe book lies flat, fits a coat pocket and has already been rained on by most of its readers.',
 'Lowland Press', 'Book design, illustration', 2024, '', '["Editorial","Illustration"]', 5),
('fold-and-co', 'Fold & Co.', 'A shop for paper, folded out of a single sheet.',
 E'A web shop for people who care about grain direction. Every page is built from one folded shape; opening a product unfolds it. It is quick on old phones and works without any script at all.\n\nSales of the sample book tripled, which was the only number the owner wanted to move.',
 'Fold & Co.', 'Web design, identity', 2023, '', '["Digital","Identity"]', 6);

insert into project_images (project_id, src, alt, width, height, position)
select project.id, 'samples/' || project.slug || '-' || picture.number || '.svg', picture.alt, 1200, 900, picture.number
from projects project
join (values
  ('slow-bread', 1, 'A round blue loaf under a large yellow sun, with pink ears of wheat'),
  ('slow-bread', 2, 'A pattern of small loaves in blue, pink and yellow'),
  ('slow-bread', 3, 'Two paper bags printed with the loaf'),
  ('tidewater', 1, 'Blue waves rising in front of a pink sun'),
  ('tidewater', 2, 'A pattern of overlapping waves'),
  ('tidewater', 3, 'Three festival posters side by side, the water higher on each'),
  ('nightshift-radio', 1, 'A crescent moon in front of the rings of a radio dial'),
  ('nightshift-radio', 2, 'A row of moons from new to full'),
  ('nightshift-radio', 3, 'A telephone showing the web player with the moon dial'),
  ('common-ground', 1, 'Four seed packets with large leaf shapes'),
  ('common-ground', 2, 'A pattern of leaves in three inks'),
  ('common-ground', 3, 'A single seed packet with a sprout'),
  ('small-hills', 1, 'Layered hills drawn as contour lines under a yellow sky'),
  ('small-hills', 2, 'Contour lines of a hill seen from above'),
  ('small-hills', 3, 'An open book with a hill across both pages'),
  ('fold-and-co', 1, 'A bird folded from overlapping triangles of paper'),
  ('fold-and-co', 2, 'A pattern of folded triangles'),
  ('fold-and-co', 3, 'A browser window with the folded bird')
) as picture (slug, number, alt) on picture.slug = project.slug;

insert into skills (category, name, years, position) values
('Drawing', 'Illustration', 12, 1),
('Drawing', 'Lettering', 9, 2),
('Drawing', 'Paper cutting', 15, 3),
('Design', 'Visual identity', 10, 4),
('Design', 'Packaging', 8, 5),
('Design', 'Editorial design', 7, 6),
('Print', 'Risograph', 11, 7),
('Print', 'Screen printing', 12, 8),
('Print', 'Bookbinding', 4, 9);

// The guides stand open until the reader closes them.
for (const group of ['Guides']) {
  const key = `tsd-accordion-${group}`;
  if (localStorage.getItem(key) === null) localStorage.setItem(key, 'true');
}

/**
 * A page with regions that are made by a program: blocks between `<!-- made NAME -->` and `<!-- /made -->` on lines of their own, and values
 * in a sentence between `<!-- = KEY -->` and `<!-- / -->`. All else is written by hand and stays.
 * @throws Error for a region that nobody makes
 */
export function remade(
  page: string,
  blocks: Readonly<Record<string, () => string>>,
  quoted: (key: string) => string,
): string {
  const withBlocks = page.replace(/^<!-- made (\S+) -->\n[\s\S]*?^<!-- \/made -->$/gm, (_, name: string) => {
    const make = blocks[name];
    if (make === undefined) throw new Error(`Nobody makes the block '${name}' of the page.`);
    return `<!-- made ${name} -->\n\n${make()}\n\n<!-- /made -->`;
  });
  return withBlocks.replace(
    /<!-- = (.+?) -->[\s\S]*?<!-- \/ -->/g,
    (_, key: string) => `<!-- = ${key} -->${quoted(key)}<!-- / -->`,
  );
}

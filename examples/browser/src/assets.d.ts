/** What Vite makes of a file whose name ends like this: its URL. */
declare module '*?url' {
  const url: string;
  export default url;
}

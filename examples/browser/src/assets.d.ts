/** What Vite makes of a file whose name ends like this: its URL. */
declare module '*?url' {
  const url: string;
  export default url;
}

/** The URL of a module that Vite builds for a worker. */
declare module '*?worker&url' {
  const url: string;
  export default url;
}

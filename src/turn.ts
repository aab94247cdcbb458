/** Lets everything else that is ready go on first: pictures in a page, messages of workers, answers from the network. */
export const turn = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 0));

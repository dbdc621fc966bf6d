/** Whether no other server works on this database, so that every message about it comes through this process. */
export const isOnlyServer = (): boolean => true;

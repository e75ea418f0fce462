//! The browser as a host for the engine: IndexedDB, WebSocket, timers, and the boundary to JavaScript.

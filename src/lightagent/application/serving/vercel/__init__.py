"""UI messages of Vercel's AI SDK: read requests, and write runs as a stream of parts."""

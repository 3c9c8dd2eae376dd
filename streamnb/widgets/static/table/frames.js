// A frame's buffer, as streamnb/widgets/columns.py lays it out, back to values.

const utf8 = new TextDecoder();

class Frame {
  constructor(message, buffers) {
    // Copied, because a typed array has to begin at a multiple of its width.
    const view = buffers[0];
    this.bytes = new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength).slice().buffer;
    this.message = message;
    this.order = this.floats(message.order); // ids of the rows in view
    this.rows = this.integers(message.rows); // places in that order of the rows that come with the frame
    this.columns = message.columns.map((column) => this.values(column));
  }

  floats([offset, length]) {
    return new Float64Array(this.bytes, offset, length / 8);
  }

  integers([offset, length]) {
    return new Int32Array(this.bytes, offset, length / 4);
  }

  values(column) {
    const valid = column.valid ? new Uint8Array(this.bytes, column.valid[0], column.valid[1]) : null;
    let read;
    if (column.as === "text") {
      const offsets = this.integers(column.offsets);
      const data = new Uint8Array(this.bytes, column.data[0], column.data[1]);
      read = (i) => utf8.decode(data.subarray(offsets[i], offsets[i + 1]));
    } else if (column.as === "u1") {
      const data = new Uint8Array(this.bytes, column.data[0], column.data[1]);
      read = (i) => data[i] === 1;
    } else {
      const data = this.floats(column.data);
      read = (i) => data[i];
    }
    return (i) => (valid && !valid[i] ? null : read(i));
  }

  // The values of the row that comes at this place among the rows that come with the frame.
  row(i) {
    return this.columns.map((value) => value(i));
  }
}

async function unzip(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

using System;
using System.IO;
using System.Security.Cryptography;
using Tbrm.Core.Errors;

namespace Tbrm.Data.Replay;

/// <summary>
/// The saved form of a replay buffer, little-endian: magic, added, draws, count; then for each item, the
/// oldest first, its length and its bytes; then the SHA-256 of everything before.
/// </summary>
internal static class ReplayFile
{
    private const int ChunkBytes = 1 << 20;

    private static ReadOnlySpan<byte> Magic => "TBRMRPL2"u8;

    /// <summary>What stands in front of the items.</summary>
    public readonly record struct Header(long Added, long Draws, int Count);

    /// <summary>Writes header, items, hash. The stream stays open.</summary>
    public sealed class Writer : IDisposable
    {
        private readonly Stream _stream;
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly MemoryStream _part = new();
        private readonly BinaryWriter _writer;

        public Writer(Stream stream, Header header)
        {
            _stream = stream;
            _writer = new BinaryWriter(_part);
            _writer.Write(Magic);
            _writer.Write(header.Added);
            _writer.Write(header.Draws);
            _writer.Write(header.Count);
            Flush();
        }

        public void Write(Action<BinaryWriter> writeItem)
        {
            const int PrefixBytes = sizeof(int);
            _part.Position = PrefixBytes;
            writeItem(_writer);
            _writer.Flush();
            int length = checked((int)_part.Length - PrefixBytes);
            _part.Position = 0;
            _writer.Write(length);
            _part.Position = _part.Length;
            Flush();
        }

        public void Complete() => _stream.Write(_hash.GetHashAndReset());

        public void Dispose()
        {
            _writer.Dispose();
            _hash.Dispose();
        }

        private void Flush()
        {
            _writer.Flush();
            ReadOnlySpan<byte> bytes = _part.GetBuffer().AsSpan(0, (int)_part.Length);
            _hash.AppendData(bytes);
            _stream.Write(bytes);
            _part.SetLength(0);
        }
    }

    /// <summary>Reads what <see cref="Writer"/> wrote; nothing is allocated for bytes that are not there.</summary>
    public sealed class Reader : IDisposable
    {
        private const int HeaderBytes = 28;

        private readonly Stream _stream;
        private readonly string _name;
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private byte[] _buffer = new byte[ChunkBytes];

        public Reader(Stream stream, string name)
        {
            _stream = stream;
            _name = name;
            using BinaryReader header = new(Next(HeaderBytes));
            if (!header.ReadBytes(Magic.Length).AsSpan().SequenceEqual(Magic))
            {
                throw Damaged("it does not begin as a saved replay buffer");
            }

            Header = new Header(header.ReadInt64(), header.ReadInt64(), header.ReadInt32());
            if (Header.Count < 0 || Header.Added < Header.Count || Header.Draws < 0)
            {
                throw Damaged("its counts contradict each other");
            }
        }

        public Header Header { get; }

        public T Read<T>(Func<BinaryReader, T> readItem)
        {
            using BinaryReader prefix = new(Next(sizeof(int)));
            int length = prefix.ReadInt32();
            if (length < 0)
            {
                throw Damaged("an item has a negative length");
            }

            using MemoryStream bytes = Next(length);
            using BinaryReader item = new(bytes);
            try
            {
                T value = readItem(item);
                return bytes.Position == length ? value : throw Damaged("an item is longer than what was read of it");
            }
            catch (EndOfStreamException)
            {
                throw Damaged("an item is shorter than it should be");
            }
        }

        public void Complete()
        {
            byte[] expected = _hash.GetHashAndReset();
            using MemoryStream stored = Next(expected.Length);
            if (!stored.GetBuffer().AsSpan(0, expected.Length).SequenceEqual(expected))
            {
                throw Damaged("its checksum does not match its content");
            }
        }

        public void Dispose() => _hash.Dispose();

        /// <summary>The next bytes; valid until the next call.</summary>
        private MemoryStream Next(int length)
        {
            int have = 0;
            while (have < length)
            {
                if (have == _buffer.Length)
                {
                    Array.Resize(ref _buffer, (int)Math.Min((long)_buffer.Length * 2, Array.MaxLength));
                }

                int read = _stream.Read(_buffer, have, Math.Min(length, _buffer.Length) - have);
                if (read == 0)
                {
                    throw Damaged("it ends too early");
                }

                have += read;
            }

            _hash.AppendData(_buffer, 0, length);
            return new MemoryStream(_buffer, 0, length, writable: false, publiclyVisible: true);
        }

        private DataException Damaged(string how) => new($"{_name}: the saved replay buffer is damaged: {how}");
    }
}

using System;
using System.Text.Json.Nodes;
using ParquetSharp;
using Tbrm.Core.Errors;
using Tbrm.Data.Parquet.Guard;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet.Reading;

/// <summary>
/// Walks through the entries of one column chunk. At any time one entry is current: its levels are known, and it has a
/// value if its definition level is the column's.
/// </summary>
internal abstract class ColumnCursor(SchemaNode column, RowPosition position) : IDisposable
{
    public SchemaNode Column => column;

    /// <summary>Whether all entries have been passed.</summary>
    public bool AtEnd { get; protected set; }

    /// <summary>The current entry's repetition level; 0 begins a row.</summary>
    public int Repetition { get; protected set; }

    /// <summary>The current entry's definition level.</summary>
    public int Definition { get; protected set; }

    /// <summary>Bytes of the current entry's value, where it is text or binary.</summary>
    public abstract int ValueBytes { get; }

    /// <summary>Begins with the first entry of a chunk.</summary>
    /// <param name="reader">The chunk; owned by the cursor.</param>
    /// <param name="column">Its place in the schema.</param>
    /// <param name="entries">How many there are.</param>
    /// <param name="largestPage">Bytes of its largest page.</param>
    /// <param name="position">For messages.</param>
    /// <exception cref="DataException">The column is damaged.</exception>
    public static ColumnCursor Open(ColumnReader reader, SchemaNode column, long entries, long largestPage,
        RowPosition position)
    {
        const int Batch = 1024;
        int textBatch = (int)Math.Clamp(ReadLimits.MaxBatchBytes / Math.Max(1, largestPage), 1, Batch);
        return reader switch
        {
            ColumnReader<bool> r => Begin(r, Batch, value => JsonValue.Create(value)),
            ColumnReader<int> r => Begin(r, Batch, ValueConverter.Int32(column)),
            ColumnReader<long> r => Begin(r, Batch, ValueConverter.Int64(column)),
            ColumnReader<Int96> r => Begin(r, Batch, ValueConverter.Int96),
            ColumnReader<float> r => Begin(r, Batch, value => ValueConverter.Real(value)),
            ColumnReader<double> r => Begin(r, Batch, ValueConverter.Real),
            ColumnReader<ByteArray> r => Begin(r, textBatch, ValueConverter.ByteArray(column), value => value.Length),
            ColumnReader<FixedLenByteArray> r => Begin(r, Batch, ValueConverter.FixedBytes(column),
                _ => column.TypeLength),
            _ => throw new MalformedException($"a column of type {reader.Type}"),
        };

        ColumnCursor Begin<T>(ColumnReader<T> typed, int batch, Func<T, JsonNode?> convert,
            Func<T, int>? size = null) where T : unmanaged
        {
            ColumnCursor cursor = new ColumnCursor<T>(typed, column, entries, batch, convert, size, position);
            cursor.MoveNext();
            return cursor;
        }
    }

    /// <summary>The current entry's value.</summary>
    /// <exception cref="DataException">It is damaged.</exception>
    public abstract JsonNode? ReadValue();

    /// <summary>Goes to the next entry.</summary>
    /// <exception cref="DataException">The column is damaged.</exception>
    public abstract void MoveNext();

    /// <summary>An error that names file, row and column.</summary>
    public DataException Error(string what, Exception? inner = null) =>
        new($"{position.Of(column.Path)}: {what}", inner);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>A column of values that the native library stores as <typeparamref name="T"/>. Byte arrays point into its
/// buffers, which stand until the next batch is read.</summary>
internal sealed class ColumnCursor<T>(ColumnReader<T> reader, SchemaNode column, long entries, int batch,
    Func<T, JsonNode?> convert, Func<T, int>? size, RowPosition position) : ColumnCursor(column, position)
    where T : unmanaged
{
    private readonly short[] _definitions = new short[batch];
    private readonly short[] _repetitions = new short[batch];
    private readonly T[] _values = new T[batch];
    private long _left = entries;
    private int _count;
    private int _entry = -1;
    private int _value = -1;

    /// <inheritdoc/>
    public override int ValueBytes => size is null ? 0 : size(_values[_value]);

    /// <inheritdoc/>
    public override JsonNode? ReadValue()
    {
        try
        {
            return convert(_values[_value]);
        }
        catch (MalformedException e)
        {
            throw Error(e.Message, e);
        }
    }

    /// <inheritdoc/>
    public override void MoveNext()
    {
        if (++_entry >= _count && !ReadBatch())
        {
            AtEnd = true;
            return;
        }

        Repetition = _repetitions[_entry];
        Definition = _definitions[_entry];
        if (Definition == Column.DefinitionLevel)
        {
            _value++;
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => reader.Dispose();

    private bool ReadBatch()
    {
        _entry = 0;
        _value = -1;
        try
        {
            // A page without entries gives an empty batch and is no end.
            do
            {
                long wanted = Math.Min(_values.Length, _left);
                _count = (int)reader.ReadBatch(wanted, _definitions, _repetitions, _values, out long found);
                int defined = _definitions.AsSpan(0, _count).Count((short)Column.DefinitionLevel);
                if (found != defined)
                {
                    throw new MalformedException($"{found} values where the levels tell of {defined}");
                }
            }
            while (_count == 0 && _left > 0 && reader.HasNext);
        }
        catch (Exception e) when (NativeErrors.IsNative(e))
        {
            throw Error(NativeErrors.Describe(e), e);
        }

        _left -= _count;
        return _count > 0;
    }
}

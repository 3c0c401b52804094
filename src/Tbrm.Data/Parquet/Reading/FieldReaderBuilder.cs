using System.Collections.Generic;
using System.Linq;
using ParquetSharp;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet.Reading;

/// <summary>
/// Chooses how the nodes of a schema are read. Lists and maps follow the rules for older writers in LogicalTypes.md
/// (sections Lists and Maps, "backward-compatibility rules").
/// </summary>
internal static class FieldReaderBuilder
{
    /// <summary>The reader of a node, over the columns that are open; null when none below it is.</summary>
    public static FieldReader? Build(SchemaNode node, IReadOnlyDictionary<int, ColumnCursor> cursors)
    {
        return node.Repetition == Repetition.Repeated
            ? Element(node, cursors) is FieldReader element ? new ListReader(null, node, element) : null
            : Instance(node, cursors);
    }

    /// <summary>The reader of one occurrence of the node, repeated or not.</summary>
    private static FieldReader? Instance(SchemaNode node, IReadOnlyDictionary<int, ColumnCursor> cursors)
    {
        if (node.IsLeaf)
        {
            return cursors.TryGetValue(node.ColumnIndex, out ColumnCursor? cursor) ? new LeafReader(cursor) : null;
        }

        bool wrapsRepeated = node.Children is [{ Repetition: Repetition.Repeated }]
            && node.Repetition != Repetition.Repeated;
        if (wrapsRepeated && node.Logical is ListLogicalType)
        {
            return ListElement(node, node.Children[0], cursors) is FieldReader element
                ? new ListReader(node, node.Children[0], element) : null;
        }

        if (wrapsRepeated && node.Logical is MapLogicalType
            && Map(node, node.Children[0], cursors) is FieldReader map)
        {
            return map;
        }

        return Struct(node, cursors);
    }

    private static StructReader? Struct(SchemaNode node, IReadOnlyDictionary<int, ColumnCursor> cursors)
    {
        (string, FieldReader)[] children =
        [
            .. node.Children.Select(child => (child.Name, Reader: Build(child, cursors)))
                .Where(child => child.Reader is not null).Select(child => (child.Name, child.Reader!)),
        ];
        return children.Length > 0 ? new StructReader(node, children) : null;
    }

    /// <summary>A repeated node's occurrences: values, or structs.</summary>
    private static FieldReader? Element(SchemaNode repeated, IReadOnlyDictionary<int, ColumnCursor> cursors)
    {
        return repeated.IsLeaf ? Instance(repeated, cursors) : Struct(repeated, cursors);
    }

    /// <summary>The element of a LIST: the repeated node itself in the older two-level form, else its only
    /// child.</summary>
    private static FieldReader? ListElement(SchemaNode list, SchemaNode repeated,
        IReadOnlyDictionary<int, ColumnCursor> cursors)
    {
        if (repeated.IsLeaf || repeated.Children.Count != 1)
        {
            return Element(repeated, cursors);
        }

        SchemaNode child = repeated.Children[0];
        bool isTuple = repeated.Name == "array" || repeated.Name == list.Name + "_tuple";
        if (repeated.Logical is ListLogicalType or MapLogicalType || child.Repetition == Repetition.Repeated)
        {
            return RepeatedListElement(repeated, cursors);
        }

        return isTuple ? Struct(repeated, cursors) : Build(child, cursors);
    }

    /// <summary>A two-level list whose element is itself a list or a map.</summary>
    private static FieldReader? RepeatedListElement(SchemaNode repeated, IReadOnlyDictionary<int, ColumnCursor> cursors)
    {
        SchemaNode inner = repeated.Children[0];
        if (inner.Repetition != Repetition.Repeated)
        {
            return Build(inner, cursors);
        }

        return repeated.Logical is MapLogicalType && Map(null, inner, cursors) is FieldReader map ? map
            : repeated.Logical is ListLogicalType
                ? ListElement(repeated, inner, cursors) is FieldReader element ? new ListReader(null, inner, element)
                    : null
            : Struct(repeated, cursors);
    }

    private static MapReader? Map(SchemaNode? map, SchemaNode entry, IReadOnlyDictionary<int, ColumnCursor> cursors)
    {
        if (entry.IsLeaf || entry.Children.Count is not (1 or 2) || entry.Children[0] is not { IsLeaf: true } key
            || key.Repetition == Repetition.Repeated)
        {
            return null;
        }

        // A map without its keys cannot be put together; a projection that asks for one part gets both.
        if (!cursors.ContainsKey(key.ColumnIndex) || Struct(entry, cursors) is not StructReader pair)
        {
            return null;
        }

        bool hasTextKeys = key.Type == PhysicalType.ByteArray
            && key.Logical is StringLogicalType or EnumLogicalType;
        return new MapReader(new ListReader(map, entry, pair), hasTextKeys, key.Name,
            entry.Children.Count == 2 ? entry.Children[1].Name : null);
    }
}

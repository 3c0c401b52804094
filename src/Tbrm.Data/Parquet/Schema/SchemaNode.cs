using System.Collections.Generic;
using ParquetSharp;

namespace Tbrm.Data.Parquet.Schema;

/// <summary>A node of the schema tree with its levels (Dremel, VLDB 2010, section 4).</summary>
internal sealed class SchemaNode
{
    public required string Name { get; init; }

    /// <summary>Names from below the root, joined by dots.</summary>
    public required string Path { get; init; }

    public required Repetition Repetition { get; init; }

    /// <summary>What the values mean; the older converted types stand as what they are today.</summary>
    public required LogicalType Logical { get; init; }

    /// <summary>Null for groups.</summary>
    public PhysicalType? Type { get; init; }

    /// <summary>Bytes of a FIXED_LEN_BYTE_ARRAY.</summary>
    public int TypeLength { get; init; }

    /// <summary>Which column chunk of a row group this leaf is; -1 for groups.</summary>
    public int ColumnIndex { get; init; } = -1;

    /// <summary>The definition level of an entry that defines this node: the optional and repeated nodes from the root
    /// to here.</summary>
    public required int DefinitionLevel { get; init; }

    /// <summary>The repeated nodes from the root to here.</summary>
    public required int RepetitionLevel { get; init; }

    public IReadOnlyList<SchemaNode> Children { get; init; } = [];

    public bool IsLeaf => Type is not null;
}

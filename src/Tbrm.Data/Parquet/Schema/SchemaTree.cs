using System.Collections.Generic;
using System.Linq;
using ParquetSharp;
using ParquetSharp.Schema;

namespace Tbrm.Data.Parquet.Schema;

/// <summary>Copies the native library's schema into a tree with levels.</summary>
internal static class SchemaTree
{
    /// <summary>The root; its children are the columns of the table.</summary>
    public static SchemaNode Build(GroupNode root)
    {
        int column = 0;

        // The root's repetition is not defined by the format; some writers say "repeated".
        return new SchemaNode
        {
            Name = root.Name,
            Path = "",
            Repetition = Repetition.Required,
            Logical = root.LogicalType,
            DefinitionLevel = 0,
            RepetitionLevel = 0,
            Children = BuildChildren(root, "", 0, 0, ref column),
        };
    }

    /// <summary>The leaves in the order of the column chunks.</summary>
    public static IEnumerable<SchemaNode> Leaves(SchemaNode node)
    {
        return node.IsLeaf ? [node] : node.Children.SelectMany(Leaves);
    }

    private static SchemaNode[] BuildChildren(GroupNode parent, string path, int definition, int repetition,
        ref int column)
    {
        SchemaNode[] children = new SchemaNode[parent.FieldCount];
        for (int i = 0; i < children.Length; i++)
        {
            using Node node = parent.Field(i);
            string childPath = path.Length == 0 ? node.Name : $"{path}.{node.Name}";
            int childDefinition = definition + (node.Repetition == Repetition.Required ? 0 : 1);
            int childRepetition = repetition + (node.Repetition == Repetition.Repeated ? 1 : 0);
            PrimitiveNode? leaf = node as PrimitiveNode;
            children[i] = new SchemaNode
            {
                Name = node.Name,
                Path = childPath,
                Repetition = node.Repetition,
                Logical = node.LogicalType,
                Type = leaf?.PhysicalType,
                TypeLength = leaf?.TypeLength ?? 0,
                ColumnIndex = leaf is null ? -1 : column++,
                DefinitionLevel = childDefinition,
                RepetitionLevel = childRepetition,
                Children = leaf is not null ? []
                    : BuildChildren((GroupNode)node, childPath, childDefinition, childRepetition, ref column),
            };
        }

        return children;
    }
}

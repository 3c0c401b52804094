using System.Collections.Generic;
using System.Linq;
using Tbrm.Data.Parquet.Metadata;

namespace Tbrm.Data.Parquet.Schema;

/// <summary>Builds the tree from the footer's flat list.</summary>
internal static class SchemaTree
{
    // Real schemas nest a handful deep; the bound keeps the recursion of every later walk safe.
    private const int MaxDepth = 64;

    /// <summary>The root; its children are the columns of the table.</summary>
    /// <exception cref="MalformedException">Counts do not fit, a leaf has no type, or the tree is too deep.</exception>
    public static SchemaNode Build(IReadOnlyList<SchemaElement> elements)
    {
        if (elements.Count == 0)
        {
            throw new MalformedException("the schema is empty");
        }

        // The root's repetition is not defined by the format; some writers say "repeated".
        SchemaElement root = elements[0] with { Repetition = Repetition.Required, Type = null };
        int next = 1, column = 0;
        SchemaNode tree = new()
        {
            Name = root.Name,
            Path = "",
            Repetition = Repetition.Required,
            Logical = LogicalType.None,
            DefinitionLevel = 0,
            RepetitionLevel = 0,
            Children = BuildChildren(elements, root, "", 0, 0, 1, ref next, ref column),
        };
        return next == elements.Count ? tree
            : throw new MalformedException($"the schema has {elements.Count} elements, its tree only {next}");
    }

    /// <summary>The leaves in the order of the column chunks.</summary>
    public static IEnumerable<SchemaNode> Leaves(SchemaNode node)
    {
        return node.IsLeaf ? [node] : node.Children.SelectMany(Leaves);
    }

    private static SchemaNode[] BuildChildren(
        IReadOnlyList<SchemaElement> elements, SchemaElement parent, string path, int definition, int repetition,
            int depth, ref int next, ref int column)
    {
        if (depth > MaxDepth || parent.ChildCount < 0 || parent.ChildCount > elements.Count - next)
        {
            throw new MalformedException($"schema element '{path}' has {parent.ChildCount} children at depth {depth}");
        }

        SchemaNode[] children = new SchemaNode[parent.ChildCount];
        for (int i = 0; i < children.Length; i++)
        {
            if (next >= elements.Count)
            {
                throw new MalformedException($"the schema ends inside of '{path}'");
            }

            SchemaElement element = elements[next++];
            string childPath = path.Length == 0 ? element.Name : $"{path}.{element.Name}";
            int childDefinition = definition + (element.Repetition == Repetition.Required ? 0 : 1);
            int childRepetition = repetition + (element.Repetition == Repetition.Repeated ? 1 : 0);
            bool isLeaf = element.Type is not null;
            if (isLeaf && (element.ChildCount != 0
                || (element.Type == PhysicalType.FixedLenByteArray && element.TypeLength <= 0)))
            {
                throw new MalformedException(
                    $"column '{childPath}' has {element.ChildCount} children and values of {element.TypeLength} bytes");
            }

            children[i] = new SchemaNode
            {
                Name = element.Name,
                Path = childPath,
                Repetition = element.Repetition,
                Logical = element.Logical,
                Type = element.Type,
                TypeLength = element.Type == PhysicalType.Int96 ? 12 : element.TypeLength,
                ColumnIndex = isLeaf ? column++ : -1,
                DefinitionLevel = childDefinition,
                RepetitionLevel = childRepetition,
                Children = isLeaf ? []
                    : BuildChildren(elements, element, childPath, childDefinition, childRepetition, depth + 1, ref next,
                    ref column),
            };
        }

        return children;
    }
}

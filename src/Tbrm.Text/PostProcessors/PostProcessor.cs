using System.Collections.Generic;

namespace Tbrm.Text.PostProcessors;

/// <summary>What stands around one text when special tokens are added: the single-sequence template of a
/// post-processor.</summary>
/// <param name="Parts">Ids to insert; null stands for the text's own ids.</param>
internal sealed record IdTemplate(IReadOnlyList<int?> Parts)
{
    /// <summary>Puts the template around ids.</summary>
    public List<int> Apply(List<int> ids)
    {
        List<int> output = new(ids.Count + Parts.Count);
        foreach (int? part in Parts)
        {
            if (part is int id)
            {
                output.Add(id);
            }
            else
            {
                output.AddRange(ids);
            }
        }

        return output;
    }
}

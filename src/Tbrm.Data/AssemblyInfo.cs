using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tbrm.Data.Tests")]
[assembly: InternalsVisibleTo("Tbrm.Fuzz")]

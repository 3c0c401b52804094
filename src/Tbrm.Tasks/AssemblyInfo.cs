using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tbrm.Tasks.Tests")]
[assembly: InternalsVisibleTo("Tbrm.Data")]
[assembly: InternalsVisibleTo("Tbrm.Data.Tests")]
